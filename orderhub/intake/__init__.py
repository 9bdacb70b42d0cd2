"""The intake: a process that notices arrivals and wakes the flows. It reads no file and decides nothing: the run that
it starts pulls whatever is there."""
