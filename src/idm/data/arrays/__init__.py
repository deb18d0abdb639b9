"""Arrays and tables: which axis is which, which of several arrays is meant, where labels are."""
