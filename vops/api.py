"""What a script may import: the names of docs/guides/scripting.md, which stay where they are and keep their meaning.

Everything below is one import away and works without a terminal. All else in vops may move between two versions.
"""

from vops.diagnosis.diagnose import diagnose_all
from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.findings import Applicability, Evidence, Finding, Fix, Report, Severity
from vops.diagnosis.states import ReplicaState
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.operations.diagnose import diagnose_targets
from vops.operations.fix import FixPlan, plan_fix
from vops.operations.intake.bundle import diagnose_bundle, read_bundle
from vops.operations.observation.observe import Observer, observe
from vops.operations.observation.targets import locate, parse_target
from vops.operations.running.run import RunResult, plan_run, resume_run, run_plan
from vops.operations.running.runs import Ending, PastRun, past_run, past_runs
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session, open_session
from vops.planning.events import Question, RunEvent
from vops.planning.plan import Gate, Plan
from vops.render.fleet import fleet_document
from vops.render.plan import plan_document
from vops.render.report import report_document
from vops.settings import Settings, load_settings

__all__ = [
    "Applicability",
    "ClusterSnapshot",
    "Ending",
    "Evidence",
    "Facts",
    "Finding",
    "Fix",
    "FixPlan",
    "Gate",
    "Observer",
    "PastRun",
    "Plan",
    "Question",
    "Ref",
    "Replica",
    "ReplicaState",
    "Report",
    "RunEvent",
    "RunResult",
    "Session",
    "Settings",
    "Severity",
    "VopsError",
    "diagnose_all",
    "diagnose_bundle",
    "diagnose_targets",
    "fleet_document",
    "load_settings",
    "locate",
    "observe",
    "open_session",
    "parse_target",
    "past_run",
    "past_runs",
    "plan_document",
    "plan_fix",
    "plan_run",
    "plan_undo",
    "read_bundle",
    "report_document",
    "resume_run",
    "run_plan",
]
