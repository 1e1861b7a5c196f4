"""placeholder"""
def write(folder): return folder.path
def result(folder): return {}
