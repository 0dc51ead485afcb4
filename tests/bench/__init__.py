"""The benchmark itself: its workloads are what it says; what it reports can be read."""
