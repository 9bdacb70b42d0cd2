"""Asks servers, tables and queues whether something waits: one schedule for all of them, few threads, and a process of
its own for the drivers, so that one that hangs or crashes takes nothing else with it."""
