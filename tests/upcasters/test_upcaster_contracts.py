"""Every step of every domain says why it exists, and turns a payload as it was really written into exactly this one.

A step without a sample here fails: add the bytes an old release wrote, and what today's code makes of them. (Contract
tests, as in Young's *Versioning in an Event Sourced System*.)
"""

import json
from decimal import Decimal

import msgspec
import pytest

from esworkbench.composition import DOMAINS
from esworkbench.upcasters import Shape, Shaped, Step

STEPS = {(domain, step.source): step for domain, each in DOMAINS.items() for step in each.decoder().upcasters}

SAMPLES = {
    ("bank", Shape("MoneyDeposited", 1)): (
        b'{"amount":12.345,"reference":"r"}',
        [(Shape("MoneyDeposited", 2), b'{"amount":12.345,"reference":"r","currency":"USD"}')],
    ),
    ("bank", Shape("MoneyDeposited", 2)): (
        b'{"amount":12.345,"currency":"EUR","reference":"r"}',
        [(Shape("MoneyDeposited", 3), b'{"currency":"EUR","reference":"r","amount_minor":1235}')],
    ),
    ("orders", Shape("OrderPlaced", 1)): (
        b'{"order_id":"o","customer":"Ada","total":10.005}',
        [(Shape("OrderPlaced", 2), b'{"order_id":"o","customer":"Ada","total_dollars":10.005}')],
    ),
    ("orders", Shape("OrderPlaced", 2)): (
        b'{"order_id":"o","customer":"Ada","total_dollars":10.005}',
        [(Shape("OrderPlaced", 3), b'{"order_id":"o","customer":"Ada","total_cents":1001}')],
    ),
    ("orders", Shape("OrderAborted", 1)): (
        b'{"order_id":"o","why":"sold out"}',
        [(Shape("OrderCancelled", 1), b'{"order_id":"o","reason":"sold out"}')],
    ),
    ("orders", Shape("OrderDispatched", 1)): (
        b'{"order_id":"o","tracking_numbers":["t","u"]}',
        [
            (Shape("ParcelShipped", 1), b'{"order_id":"o","tracking_number":"t"}'),
            (Shape("ParcelShipped", 1), b'{"order_id":"o","tracking_number":"u"}'),
        ],
    ),
    ("orders", Shape("OrderViewed", 1)): (b'{"order_id":"o","by":"Ada"}', []),
}


def read(payload: bytes) -> dict[str, object]:
    """As the decoder reads JSON: every fraction a Decimal, never a float."""
    found: dict[str, object] = json.loads(payload, parse_float=Decimal)
    return found


def test_every_step_has_a_sample_and_no_sample_outlives_its_step() -> None:
    assert set(SAMPLES) == set(STEPS)


@pytest.mark.parametrize(("domain", "shape"), SAMPLES, ids=[f"{domain} {shape}" for domain, shape in SAMPLES])
def test_a_payload_as_written_becomes_exactly_this(domain: str, shape: Shape) -> None:
    step: Step = STEPS[domain, shape]
    before, after = SAMPLES[domain, shape]
    assert len(step.reason.split()) >= 5, "a reason, not a word"
    taken = step.take(read(before))
    assert list(taken) == [Shaped(*target, read(payload)) for target, payload in after]
    assert [msgspec.json.Encoder(decimal_format="number").encode(fact.payload) for fact in taken] == [
        payload for _, payload in after
    ]
