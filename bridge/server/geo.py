"""Distances and boxes on the globe, as SQL."""

import math
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, cast, func, literal, or_

from bridge.server.engine import SQLITE
from bridge.server.values import Condition, SqlValue

EARTH_KILOMETERS = 6371.0
EARTH_MILES = 3958.8
RADIANS_PER_UNIT = {
    "$maxDistanceInRadians": 1.0,
    "$maxDistanceInKilometers": 1 / EARTH_KILOMETERS,
    "$maxDistanceInMiles": 1 / EARTH_MILES,
}

Point = tuple[float, float]
"""Latitude and longitude in degrees."""


def is_point(value: SqlValue) -> Condition:
    """The value is a GeoPoint."""
    return and_(value.is_kind("object"), value.child("__type").text() == literal("GeoPoint"))


def distance(value: SqlValue, point: Point, dialect: str) -> ColumnElement[Any]:
    """The angle between a GeoPoint and another; NULL where the value is none."""
    latitude, longitude = value.child("latitude").number(), value.child("longitude").number()
    if dialect == SQLITE:
        return func.rt_radians_between(latitude, longitude, literal(point[0]), literal(point[1]))
    first, second = func.radians(cast(latitude, Double)), literal(math.radians(point[0]), Double)
    turn = literal(math.radians(point[1]), Double) - func.radians(cast(longitude, Double))
    both = func.cos(first) * math.cos(math.radians(point[0]))
    half = func.power(func.sin((second - first) / 2), 2) + both * func.power(func.sin(turn / 2), 2)
    return 2 * func.asin(func.sqrt(func.least(literal(1.0, Double), half)))


def in_box(value: SqlValue, southwest: Point, northeast: Point) -> Condition:
    """The value is a GeoPoint between the corners; a box may cross the date line."""
    latitude, longitude = value.child("latitude").number(), value.child("longitude").number()
    east = longitude <= literal(northeast[1])
    west = longitude >= literal(southwest[1])
    across = or_(east, west) if southwest[1] > northeast[1] else and_(east, west)
    return and_(is_point(value), latitude.between(southwest[0], northeast[0]), across)
