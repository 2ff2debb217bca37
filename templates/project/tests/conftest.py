from lepton import allow

allow("my_project")  # as [tool.lepton] does for the command
