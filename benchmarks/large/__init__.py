"""Large sets of data, most of which is not there: sparse files of any size, and how much memory reading them takes."""
