"""By which means the moves of a plan are done: what each costs at that scale, and the requests that do it.

All of them pay S3 for every object that comes into a class. What differs is what comes on top, and who does the work:

- a **lifecycle rule** on a prefix and a size: one call, works by itself and on what comes later, reads nothing
- **copies**, one by one: three looks, a listing and a copy an object, by a task of ours, verified
- a **batch job** over a manifest: S3 does the copies, for a price a job and an object
- **store**: what the catalogue knows by its place goes where its pipeline puts it, which tells the catalogue
- **bundles** of small objects: the only way that saves the price an object; nothing here makes them
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from include.costs.rate_card import RateCard
from include.storage.classes import class_prices
from include.storage.plan_file import Move
from include.storage.tiering import Group, StandingRule, rule_days

Way = Literal["lifecycle", "copy", "batch", "store", "refused"]
"""``refused``: no means is safe there, or worth its price; the step says why."""

LEAST_FOR_A_RULE = 1000
"""A rule also catches what comes later: fewer objects say too little about that."""

BUNDLED = 100
"""Objects in a bundle, for its price."""

NO_VERSIONS = "its bucket keeps no versions, so that a copy would overwrite what it is to be compared with: "
NO_VERSIONS += "switch versioning on, or put a lifecycle rule"

RULE_PREFIX = "tiering-"
"""What the ids of our lifecycle rules begin with; rules with other ids are not touched."""

_ABOVE = "-above-"
_LOOKS = 3  # HeadObject: is it what was planned, its checksum, that of the copy; and its versions are listed once


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A way to do a group's moves: what it costs once, and whether it can be taken."""

    way: str
    objects: int
    usd: float
    possible: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Moves that are done in one way."""

    way: Way
    bucket: str
    area: str
    prefix: str
    to_class: str
    objects: int
    usd: float
    above_bytes: int | None = None
    """Of a rule: objects larger than this."""
    below_bytes: int | None = None
    """Of the rest beside a rule: objects up to this."""
    why_not: str = ""
    """Nothing is done, and why."""

    def covers(self, move: Move) -> bool:
        """Say whether a move is one of this step's."""
        return (
            (move.bucket, move.area, move.to_class) == (self.bucket, self.area, self.to_class)
            and (self.above_bytes is None or move.size_bytes > self.above_bytes)
            and (self.below_bytes is None or move.size_bytes <= self.below_bytes)
        )


def options_for(group: Group, card: RateCard, *, most_copies: int) -> list[Option]:
    """Return what each way of doing a whole group's moves costs, with the one that is only a recommendation.

    The rule's price counts the objects that it would move; what is below its size takes another way.
    """
    put = class_prices(card)[group.to_class].usd_put  # type: ignore[index]
    look, ruled, n = card.rate("s3.standard.get").usd, group.ruled_objects, group.objects
    listing = card.rate("s3.standard.put").usd  # S3 asks as much for a LIST as for a PUT
    copies_usd = n * (put + _LOOKS * look + listing) + group.reading_usd
    if group.area.catalogue:
        note = "moved by its pipeline, verified, so that the catalogue knows"
        return [Option(way="store", objects=n, usd=copies_usd, possible=True, note=note)]
    if group.rule_above_bytes is None:
        why = "not all that lies below the prefix goes this way"
    elif ruled < LEAST_FOR_A_RULE:
        why = f"{ruled} objects are too few to make a rule for what comes later"
    else:
        why = (
            f"a rule on {group.area.prefix} above {group.rule_above_bytes} bytes, from day {rule_days(group.to_class)}"
        )
    batch_usd = card.rate("s3.batch.job").usd + n * (put + card.rate("s3.batch.object").usd) + group.reading_usd
    copies, safe = n <= most_copies, group.keeps_versions
    copy_note = "verified one by one" if copies else f"more than the {most_copies} of a run"
    batch_note = "a manifest, and a job that a person starts"
    return [
        Option(way="lifecycle", objects=ruled, usd=ruled * put, possible=ruled >= LEAST_FOR_A_RULE, note=why),
        Option(
            way="copy",
            objects=n,
            usd=copies_usd,
            possible=safe and copies,
            note=copy_note if safe else NO_VERSIONS,
        ),
        Option(way="batch", objects=n, usd=batch_usd, possible=safe, note=batch_note if safe else NO_VERSIONS),
        Option(
            way="bundle",
            objects=n,
            usd=n * look + -(-n // BUNDLED) * put + group.reading_usd,
            possible=False,
            note=f"a recommendation: {BUNDLED} objects in one cost a hundredth, and are read together",
        ),
    ]


def steps_for(group: Group, card: RateCard, *, most_copies: int) -> list[Step]:
    """Choose the cheapest means: a rule where it fits, and of what is left the cheaper of copies and a batch job."""
    options = {option.way: option for option in options_for(group, card, most_copies=most_copies)}
    moves_usd = group.objects * class_prices(card)[group.to_class].usd_put + group.reading_usd  # type: ignore[index]
    common: dict[str, Any] = {
        "bucket": group.bucket,
        "area": group.area.name,
        "prefix": group.area.prefix,
        "to_class": group.to_class,
    }
    steps: list[Step] = []
    rest, below = group.objects, None
    if (rule := options.get("lifecycle")) and rule.possible:
        above = group.rule_above_bytes
        steps.append(Step(way="lifecycle", objects=rule.objects, usd=rule.usd, above_bytes=above, **common))
        rest, below = group.objects - rule.objects, group.rule_above_bytes
    if rest:
        why_not = ""
        if group.area.catalogue:
            way: Way = "store"
        elif not group.keeps_versions:
            way, why_not = "refused", NO_VERSIONS
        elif rest <= most_copies and options["copy"].usd <= options["batch"].usd:
            way = "copy"
        else:
            way = "batch"
        if way in ("copy", "batch") and (on_top_usd := options[way].usd - moves_usd) >= group.saved_usd:
            why_not = f"the means costs ${on_top_usd:.4f} beside the moves, which save ${group.saved_usd:.4f}"
            way = "refused"
        usd = 0.0 if way == "refused" else options[way].usd * rest / group.objects
        steps.append(Step(way=way, objects=rest, usd=usd, below_bytes=below, why_not=why_not, **common))
    return steps


def rule_id(prefix: str, to_class: str, above_bytes: int) -> str:
    """Return the id of our lifecycle rule, which says all that the rule does.

    >>> rule_id("video/", "STANDARD_IA", 1048575)
    'tiering-standard_ia-8b4a69e5-above-1048575'
    """
    return f"{RULE_PREFIX}{to_class.lower()}-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}{_ABOVE}{above_bytes}"


def lifecycle_rule(step: Step) -> dict[str, Any]:
    """Write a step as a rule of S3's lifecycle configuration.

    :raises ValueError: for a step of another way.
    """
    if step.way != "lifecycle" or step.above_bytes is None:
        raise ValueError(f"{step} is not done by a rule")
    return {
        "ID": rule_id(step.prefix, step.to_class, step.above_bytes),
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": step.prefix, "ObjectSizeGreaterThan": step.above_bytes}},
        "Transitions": [{"Days": rule_days(step.to_class), "StorageClass": step.to_class}],
    }


def with_rule(rules: Sequence[Mapping[str, Any]], rule: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Put a rule among those of a bucket, in the place of ours for the same prefix and class; the others stay.

    ``None`` when it stands there already, or a person has disabled ours. Rules of the first version of the interface,
    with a prefix of their own, are written as filters, which mean the same: S3 refuses a mixture.

    >>> with_rule([{"ID": "theirs"}, {"ID": "tiering-a-above-9"}], {"ID": "tiering-a-above-5"})
    [{'ID': 'theirs'}, {'ID': 'tiering-a-above-5'}]
    >>> with_rule([{"ID": "tiering-a-above-5"}], {"ID": "tiering-a-above-5"}) is None
    True
    """
    family = rule["ID"].partition(_ABOVE)[0] + _ABOVE
    ours = [standing for standing in rules if standing.get("ID", "").startswith(family)]
    if any(standing["ID"] == rule["ID"] or standing.get("Status") == "Disabled" for standing in ours):
        return None
    return [*(_with_filter(standing) for standing in rules if standing not in ours), rule]


def _with_filter(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    if "Prefix" not in rule:
        return rule
    return {name: value for name, value in rule.items() if name != "Prefix"} | {"Filter": {"Prefix": rule["Prefix"]}}


def standing_rules(rules: Iterable[Mapping[str, Any]]) -> list[StandingRule]:
    """Return those rules of a bucket that are ours and in force; a person may disable one, which is respected.

    One that a person has changed is not ours any more: nobody here knows what it moves. How large its objects are is
    read from its id: the local AWS forgets that part of a filter.
    """
    standing = []
    for rule in rules:
        above, where = rule.get("ID", "").partition(_ABOVE)[2], rule.get("Filter", {}).get("And", {})
        if rule["Status"] != "Enabled" or not above.isdecimal() or len(rule.get("Transitions", ())) != 1:
            continue
        prefix, to_class = where.get("Prefix", ""), rule["Transitions"][0]["StorageClass"]
        as_put = {"Prefix": prefix, "ObjectSizeGreaterThan": int(above)}
        if rule["ID"] == rule_id(prefix, to_class, int(above)) and where.items() <= as_put.items():
            standing.append(StandingRule(prefix=prefix, to_class=to_class, larger_than_bytes=int(above)))
    return standing


def batch_manifest(moves: Iterable[Move], *, with_versions: bool) -> Iterator[bytes]:
    r"""Write the manifest of a batch job, row by row: bucket, URL-encoded key and, in a versioned bucket, version.

    What was stored before its bucket kept versions has the version ``null``.

    >>> move = Move(bucket="lake", key="a b.mp4", version_id="v1", etag=None, size_bytes=1, age_days=0, area="raw",
    ...             importance="low", from_class="STANDARD", to_class="DEEP_ARCHIVE", usd_before=1, usd_after=0,
    ...             monthly_usd_saved=1, reason="")
    >>> b"".join(batch_manifest([move], with_versions=True))
    b'lake,a%20b.mp4,v1\n'
    """
    for move in moves:
        row = io.StringIO()
        cells = [move.bucket, quote(move.key, safe="/"), *([move.version_id or "null"] if with_versions else [])]
        csv.writer(row, lineterminator="\n").writerow(cells)
        yield row.getvalue().encode()


def batch_job_request(
    step: Step, *, manifest_bucket: str, manifest_key: str, manifest_etag: str, with_versions: bool
) -> dict[str, Any]:
    """Return the arguments of ``s3control.create_job`` that has S3 make the copies of a manifest.

    ``AccountId`` and ``RoleArn`` are for the person who starts it: a role that S3 Batch Operations may assume, and that
    may read and write the bucket. The job waits for a confirmation, and reports what failed.
    """
    manifest = f"arn:aws:s3:::{manifest_bucket}"
    token = hashlib.sha256(f"{manifest_bucket}/{manifest_key}/{manifest_etag}".encode()).hexdigest()
    return {
        "AccountId": "<account>",
        "RoleArn": "<role that S3 Batch Operations assumes>",
        "ConfirmationRequired": True,
        "ClientRequestToken": token,
        "Description": f"{step.objects} objects of {step.bucket} ({step.area}) to {step.to_class}",
        "Priority": 10,
        "Operation": {
            "S3PutObjectCopy": {
                "TargetResource": f"arn:aws:s3:::{step.bucket}",
                "StorageClass": step.to_class,
                "MetadataDirective": "COPY",
            }
        },
        "Manifest": {
            "Spec": {
                "Format": "S3BatchOperations_CSV_20180820",
                "Fields": ["Bucket", "Key", *(["VersionId"] if with_versions else [])],
            },
            "Location": {"ObjectArn": f"{manifest}/{manifest_key}", "ETag": manifest_etag},
        },
        "Report": {
            "Enabled": True,
            "Bucket": manifest,
            "Format": "Report_CSV_20180820",
            "Prefix": manifest_key.rpartition("/")[0],
            "ReportScope": "FailedTasksOnly",
        },
    }
