"""Admin pages for the progress of event readers and for dead letters."""

from analytics.admin.checkpoints import CheckpointAdmin
from analytics.admin.dead_letters import DeadLetterAdmin

__all__ = ["CheckpointAdmin", "DeadLetterAdmin"]
