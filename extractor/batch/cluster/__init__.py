"""What the processes of a cluster say to each other: who may send, and what of a job is finished."""
