"""Tests in a virtual machine: what needs a kernel with device-mapper. `make test-vm`."""
