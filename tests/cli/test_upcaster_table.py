"""`upcasters` prints every step of every domain, with its reason, from the code that runs."""

from cli_shell import Shell

from esworkbench.composition import DOMAINS


def test_one_document_with_every_step(shell: Shell) -> None:
    ran = shell.json("upcasters")
    assert ran.code == 0
    expected = [(domain, step.name) for domain, each in DOMAINS.items() for step in each.decoder().upcasters]
    steps = ran.document["steps"]
    assert sorted((step["domain"], step["function"]) for step in steps) == sorted(expected)
    assert all(step["reason"] for step in steps)
    [split] = [step for step in steps if step["kind"] == "split"]
    assert split | {"reason": ""} == {
        "domain": "orders", "event_type": "OrderDispatched", "from_version": 1, "to": "ParcelShipped v1",
        "kind": "split", "function": "one_fact_per_parcel", "reason": "", "today": "ParcelShipped v1",
    }  # fmt: skip


def test_one_domain_as_prose_and_as_markdown(shell: Shell) -> None:
    assert {step["domain"] for step in shell.json("upcasters", "--domain", "bank").document["steps"]} == {"bank"}
    prose = shell("upcasters", "--domain", "orders").out
    assert "OrderDispatched v1 → ParcelShipped v1 (split: one_fact_per_parcel)\n  Parcels of one order" in prose
    assert "OrderViewed v1 → nothing (drop: web_analytics_counts_views)" in prose
    assert "name_the_currency" not in prose
    markdown = shell("upcasters", "--domain", "orders", "--markdown").out.strip().splitlines()
    assert markdown[:2] == ["## Upcasters of orders", ""]
    assert markdown[2].startswith("| event type | from | to | kind | function | reason |")
    assert len(markdown) == 4 + len(list(DOMAINS["orders"].decoder().upcasters))


def test_an_unknown_domain_is_one_sentence(shell: Shell) -> None:
    ran = shell.json("upcasters", "--domain", "shop")
    assert (ran.code, ran.document) == (
        2, {"error": "there is no domain 'shop'; there are bank, orders, activity, document, or write module:object"},
    )  # fmt: skip
