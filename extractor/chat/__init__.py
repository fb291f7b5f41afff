"""The request and the reply of `POST /v1/chat/completions`, without any I/O."""
