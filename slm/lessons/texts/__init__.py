"""The lessons that ship with the package, a YAML file each."""
