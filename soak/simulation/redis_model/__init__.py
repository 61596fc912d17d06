"""A model of one Redis server, in this process: the commands that we use, our Lua scripts, and loss of its newest data.

Differential tests run the same commands on the model and on a real server (`soak/tests/test_redis_model.py`).
"""
