"""Options of my_project: a module each, named by the YAML files in conf/."""
