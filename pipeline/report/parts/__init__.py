"""The report's sections, a file each: from finished data sets to blocks; none computes anything new."""
