"""One setting as both halves want it: the client and the server of the messaging service share no types."""

from bridge.config import HooksSettings, PlanSettings
from bridge.realtime.limits import Plan as ClientPlan
from bridge.realtime.limits import plan_of
from bridge.server.settings import BUSINESS, DEVELOPMENT, UNLIMITED, Hooks, Plan


def client_plan(plan: str | PlanSettings) -> ClientPlan:
    """The quotas that the bridge keeps to."""
    return plan_of(plan if isinstance(plan, str) else plan.model_dump())


def server_plan(plan: str | PlanSettings) -> Plan:
    """The quotas that our own server enforces."""
    if isinstance(plan, PlanSettings):
        return Plan(
            ordinary_per_minute=plan.messages_per_minute,
            subscription_per_minute=plan.subscriptions_per_minute,
            subscription_per_day=plan.subscriptions_per_day,
            broadcast_per_minute=plan.broadcasts_per_minute,
            broadcast_per_day=plan.broadcasts_per_day,
        )
    return {"business": BUSINESS, "development": DEVELOPMENT, "unlimited": UNLIMITED}[plan]


def server_hooks(given: HooksSettings) -> Hooks:
    """Whom our own server asks and tells."""
    return Hooks(
        webhook=given.webhook,
        functions=given.functions,
        push=given.push,
        key=given.key.get_secret_value() if given.key else None,
        fail_closed=given.fail_closed,
    )
