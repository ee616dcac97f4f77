"""The model's files are there and cannot be read: truncated, corrupt, or without weights.

What it finds
    A safetensors file whose header or length is wrong, or a folder without any weights.

Why it matters
    A download that was cut off stays in the cache: every restart reads the same broken file.

Evidence
    The innermost error with its stage.

Fix
    `seed-model` where it has put the model into the claim: it proves every file and fetches again what is damaged.
    Else by hand: remove the broken files from the cache and load them again.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import seeds
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_BROKEN = lazy_pattern(
    r"SafetensorsParsingError|CorruptedCacheException|No such file or directory: '[^']{1,300}\.incomplete'"
    r"|Failed to unpack archive file|did not respond with (?:any of following )?'Content-Type'"
    r"|file lock '[^']{1,300}/\.locks/|BadZipFile|tarfile\.ReadError|FileIntegrityError|integrity check failed"
    r"|SafetensorError(?!.{0,60}StorageFull)"
    r"|No model weights found in"
    r"|Could not find checkpoint files|in loaded state|file size different is"
    r"|Error while deserializing header|Cannot find any (?:safetensors )?model weights"
    r"|PytorchStreamReader failed|Consistency check failed|unexpected EOF|UnpicklingError|invalid load key"
    r"|InvalidHeader"
    r"|MetadataIncompleteBuffer|HeaderTooLarge|HeaderTooSmall|InvalidHeaderDeserialization|version https://git-lfs"
    r"|Invalid checkpoint index entry|Incomplete checkpoint headers|Empty or invalid weight map"
    r"|Weight files referenced in index but missing|Following weights were not initialized from checkpoint"
    r"|Exception: (?:expected|EOF while parsing|missing field|invalid type|key must be"
    r"|trailing)[ :].{1,80} at line \d{1,9} column \d"
    r"|ModelProto|model_proto->|Unable to load vocabulary from file|without having git-lfs"
    r"|not contain the valid metadata"
    r"|Corrupted (?:File|Offset|Tensor|Header)\b|is truncated or empty|HashMismatchError"
    r"|tensorizer\S{1,40}CryptographyError"
    r"|^RuntimeError: Tensor not found: |Ran out of input|Invalid magic number; corrupt|storage has wrong byte size"
    r"|pickle data was truncated"
    r"|file is not a (?:valid|zip)|not a valid JSON file|Unable to load weights|checksum|Invalid GGUF"
    r"|GGUF magic invalid|Attempted to load weight \(|size mismatch for |Error\(s\) in loading state_dict"
    r"|It looks like the config file at .{0,300} is not a valid"
    r"|No such file or directory: ['\"][^'\"]{0,300}-of-\d{5}\.safetensors['\"]"
)


@rule(cause="corrupted-download", branch=Branch.DIED, needs={Source.LOGS}, order=26, signature=_BROKEN)
def corrupted_download(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _BROKEN)
    if hit is None:
        return None
    model = deaths.model_of(replica)
    return Verdict(
        summary=f"The files of {model} cannot be read: {hit[0].message[:120]}",
        evidence=deaths.shown(replica, hit),
        confidence=deaths.confidence(replica),
        fixes=(
            *seeds.mend(replica),
            remedies.by_steps(
                replica,
                "Load the files again",
                (f"Remove {model} from the cache (HF_HOME) or the volume, and compare sizes with the repository's.",),
            ),
        ),
    )
