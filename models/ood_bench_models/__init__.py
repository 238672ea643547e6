"""The models that ship with ood-bench, found through entry points as a stranger's are."""
