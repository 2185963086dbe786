"""What is asked of distances between anchors: that they follow a ruler beyond donors, branches and depth."""
