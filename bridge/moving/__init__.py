"""Moving an app's messaging out of the service, into files, and from them into our own server."""
