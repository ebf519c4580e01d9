# userspace
