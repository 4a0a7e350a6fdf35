import wsgiref.handlers

from pyramid.config import Configurator
from pyramid.response import Response


def hello(request):
    return Response(f"Pyramid, mounted at {request.script_name}\n", content_type="text/plain")


def user(request):
    return Response(f"{request.matchdict['name']} is at {request.path}\n", content_type="text/plain")


with Configurator() as config:
    config.add_route("hello", "/")
    config.add_view(hello, route_name="hello")
    config.add_route("user", "/users/{name}")
    config.add_view(user, route_name="user")
    app = config.make_wsgi_app()

wsgiref.handlers.CGIHandler().run(app)
