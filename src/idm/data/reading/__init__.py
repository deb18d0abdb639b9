"""Reading batches ahead: in a thread, in processes, with a time limit."""
