"""paack: container images as RPMs. One module per noun of the field; none imports invoke."""
