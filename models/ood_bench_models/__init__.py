"""The models that ship with ood-bench, found through entry points like those of other packages."""
