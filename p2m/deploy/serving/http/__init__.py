"""Models behind HTTP: their own routes, and those of OpenAI's API, which clients may keep.

    command -> running -> app -> native, openai_api -> service -> batcher, bundles
                             guard, schema, metrics, errors, shapes of what is sent

The event loop reads and writes; models answer in threads. Only what stands in this folder knows of HTTP.
"""
