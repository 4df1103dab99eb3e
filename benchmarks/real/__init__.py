"""Published data of other people's markets, each made a benchmark of this project's own code.

``python -m benchmarks.real NAME --from DIR``; docs/real_data.md says where the data come from, what each can test and
what came out. A module a data set: how it is split stands in it as a constant, and was committed before the data
were looked at. None holds an estimator of its own, but for the plain answers that ours are held against.
"""
