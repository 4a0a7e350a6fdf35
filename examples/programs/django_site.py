import wsgiref.handlers

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path, reverse

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of an example")


def hello(request):
    return HttpResponse(f"Django, mounted at {request.META['SCRIPT_NAME']}\n", "text/plain")


def user(request, name):
    return HttpResponse(f"{name} is at {reverse(user, args=[name])}\n", "text/plain")


urlpatterns = [path("", hello), path("users/<name>", user)]

wsgiref.handlers.CGIHandler().run(get_wsgi_application())
