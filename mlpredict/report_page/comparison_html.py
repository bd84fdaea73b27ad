"""A comparison as one page, with the images that only one side has right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlpredict.domain.comparisons import Comparison, Flip, Side
from mlpredict.report_page.page import facts, page, pictures, remarks, shown, table
from mlpredict.support.statistics import wilson

PICTURES = 48


def comparison_page(made: Comparison, images: Mapping[int, str]) -> str:
    """The whole page; `images` are `data:` URIs by the ids of inputs."""
    return page(f"{made.a} and {made.b}", _parts(made, images))


def _parts(made: Comparison, images: Mapping[int, str]) -> Iterator[str]:
    yield facts(_facts(made))
    yield from remarks(made.remarks)
    changed = [one for one in made.by_label if one.only_a_right or one.only_b_right]
    if changed:
        changed.sort(key=lambda one: (one.only_a_right - one.only_b_right, one.label))
        yield "<h2>Classes that won and lost</h2>"
        yield table(
            "Classes that won and lost",
            ("truth", "images", f"only {made.a} right", f"only {made.b} right", "difference"),
            (
                (
                    one.label,
                    f"{one.images:,}",
                    f"{one.only_a_right:,}",
                    f"{one.only_b_right:,}",
                    f"{one.only_b_right - one.only_a_right:+,}",
                )
                for one in changed
            ),
        )
    for heading, flips in _sections(made):
        if flips:
            yield f"<h2>{shown(heading)}</h2>"
            if len(flips) > PICTURES:
                yield f"<p>The first {PICTURES:,} of {len(flips):,}.</p>"
            yield pictures((images.get(one.input_id), _flip(made, one)) for one in flips[:PICTURES])


def pictured(made: Comparison) -> list[Flip]:
    """The flips whose pictures the page shows."""
    return [one for _, flips in _sections(made) for one in flips[:PICTURES]]


def _sections(made: Comparison) -> tuple[tuple[str, list[Flip]], ...]:
    return (
        (f"Only {made.b} is right", [one for one in made.flips if one.a_right is False]),
        (f"Only {made.a} is right", [one for one in made.flips if one.a_right]),
        ("They disagree", [one for one in made.flips if one.a_right is None]),
    )


def _facts(made: Comparison) -> Iterator[tuple[str, str, str]]:
    yield "images of both", f"{made.both:,}", f"{made.labelled:,} labelled"
    if made.agreement is not None:
        yield "agreement", f"{made.agreement:.2%}", f"{made.agreed:,} images"
    if made.accuracy_a is not None and made.accuracy_b is not None:
        for name, accuracy, only in (
            (made.a, made.accuracy_a, made.only_a_right),
            (made.b, made.accuracy_b, made.only_b_right),
        ):
            low, high = wilson(made.both_right + only, made.labelled)
            yield f"accuracy of {name}", f"{accuracy:.2%}", f"95 %: {low:.2%} to {high:.2%}"
        yield "both right", f"{made.both_right:,}", ""
        yield f"only {made.a} right", f"{made.only_a_right:,}", ""
        yield f"only {made.b} right", f"{made.only_b_right:,}", ""
        yield "neither right", f"{made.neither_right:,}", ""
        yield "p", f"{made.p_value:.4g}", "McNemar's exact test"
    if (numbers := made.numbers) is not None:
        yield f"MAE of {made.a}", f"{numbers.mae_a:.6g}", f"nearer {numbers.a_nearer:,} times"
        yield f"MAE of {made.b}", f"{numbers.mae_b:.6g}", f"nearer {numbers.b_nearer:,} times"


def _flip(made: Comparison, one: Flip) -> str:
    truth = f'is <span class="right-word">{shown(one.true_label)}</span><br>' if one.true_label else ""
    rights = (None, None) if one.a_right is None else (one.a_right, not one.a_right)
    return (
        f"{truth}{shown(made.a)}: {_said(one.a, rights[0])}<br>{shown(made.b)}: {_said(one.b, rights[1])}<br>"
        f'<span class="quiet">{shown(one.filename or "")}, predictions {one.a.prediction_id} and'
        f" {one.b.prediction_id}</span>"
    )


def _said(side: Side, right: bool | None) -> str:
    kind = "" if right is None else ' class="right-word"' if right else ' class="wrong-word"'
    score = "" if side.score is None else f" {side.score:.4f}"
    return f"<span{kind}>{shown(side.label or '–')}</span>{shown(score)}"
