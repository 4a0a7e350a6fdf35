import wsgiref.handlers

from flask import Flask, request, url_for

app = Flask(__name__)


@app.get("/")
def hello():
    return f"Flask, mounted at {request.script_root}\n"


@app.get("/users/<name>")
def user(name):
    return f"{name} is at {url_for('user', name=name)}\n"


wsgiref.handlers.CGIHandler().run(app)
