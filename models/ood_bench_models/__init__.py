"""The models that ship with ood-bench, registered by entry points like those of other packages."""
