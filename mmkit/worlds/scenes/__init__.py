r"""The world of scenes: objects in places, what relates them, and what is asked, said and seen of them.

A seed, the name of a split and the number of a scene decide everything about it; no scene depends on how many others there are,
on the order in which they are made, or on what else is made of them. The files, each importing from its left only:

vocabulary, streams, columns, scene, knobs, priors, spatial, splits, geometry, layout, attributes, generate, graphs
-> programs, view, references, comparisons, wrong_options, proposals, asked, entailment, choices, labels, wordings, balance,
   executor, questions
 | backdrops, glyphs, pictograms, raster, detector, predicted
 | annotators, sentences, captions
-> export_gqa, export_coco -> core, core_questions, core_data, scenes_data, captions_data

What each use may rely on, beside `make`:

- any: `generate.scenes(knobs, split, count)` are columns of scenes (`scene.Scenes`), the same bytes for any number of processes.
  Objects keep their numbers everywhere: in boxes, graphs, masks, regions, the truth of questions and of captions. Training and
  validation hold neither the pairs of category and colour nor the triples that `splits` holds out. "pretrain" and "nlvr2" have
  scenes of their own.
- relations: `spatial.full` are all that are true, `spatial.edges` those that a graph shows. Within a slot of `vocabulary.SLOTS`
  boxes and categories do not tell which relation holds; slots of one relation are told by the boxes.
- questions: `questions.ask` gives a scene's questions with program, steps, family of relations, what they entail and the best
  guess without labels; `executor` finds every answer again from the graph alone.
- pictures and regions: `raster.draw` gives the picture, the object that each pixel shows and how much of each is visible;
  `detector.detect` regions with posteriors, features, and the true object of each.
- predicted graphs: `predicted.graphs` has relations missed, mislabelled and invented at a known rate, with scores.
- captions: `captions.write` gives each annotator's propositions, true or false, `captions.references` captions without errors.
- files: `export_gqa` and `export_coco` write what the readers of the real files read.
"""

from __future__ import annotations

from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset
from mmkit.worlds.scenes import core_data

VIEWS = ("core", "scenes", "captions")


def make(data: str, records: int, seed: int, null: str | None = None, **knobs: Any) -> Dataset:
    """A generated data set: one of VIEWS. Same arguments, same records.

    core: questions about graphs of six things, `records` of them.  scenes: questions about `records` scenes.
    captions: what annotators say about `records` scenes.  null, knobs: see `make` of the view.
    Raises SettingsError for an unknown view, null control or knob, and for impossible values.
    """
    if data == "core":
        if unknown := [name for name in knobs if name != "hops"]:
            raise SettingsError("; ".join(f"world core has no knob {name!r}{nearest(name, ('hops',))}" for name in unknown))
        return core_data.make(records, seed, null, **knobs)
    if data == "scenes":
        from mmkit.worlds.scenes import scenes_data

        return scenes_data.make(records, seed, null, **knobs)
    if data == "captions":
        from mmkit.worlds.scenes import captions_data

        return captions_data.make(records, seed, null, **knobs)
    raise SettingsError(f"the world scenes has no data set {data!r}{nearest(data, VIEWS)}")
