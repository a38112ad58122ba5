"""Capture of an object's state as plain data, and its restoration into an object that was built alike.

Objects are never made from a description: classes and functions come from the program that restores, the description
holds numbers and texts. Whoever wrote it, reading it back runs none of its code.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
from pymoo.core.individual import Individual
from pymoo.core.population import Population

from carsmoo.utils.generators import described, resumed
from carsmoo.utils.trees import Tree, brief, join

_CODE = (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, partial, np.ufunc)


def capture(thing: object, skip: Collection[str] = (), *, lenient: bool = False) -> Tree:
    """Return the state of an object, its attributes but those of a name to ``skip``, as plain data.

    It takes numbers, texts, arrays, lists, dictionaries, sets, generators, pymoo's populations, and objects made of
    these; an object with ``state()`` and ``load_state()`` tells what it holds by them. Functions and classes are told
    by name alone. What two names share stays shared, views of a part of an array excepted. An object that keeps
    something elsewhere than in its attributes, such as a tensor, is refused, or if ``lenient`` told by its class.

    Raises:
        TypeError: naming the attribute that is none of these.
    """
    reader = _Reader(lenient)
    held = {name: value for name, value in reader.attributes(thing).items() if name not in skip}
    return {"attributes": reader.named(held, ""), "individuals": reader.individuals()}


def restore(thing: object, tree: Tree, skip: Collection[str] = ()) -> None:
    """Restore the state that :func:`capture` took of one object into another one that was built alike.

    Objects are filled in place, so that one that was made during the run, and stands nowhere in ``thing``, is refused.

    Raises:
        ValueError: naming the place where the two are not of the same making.
    """
    try:
        writer = _Writer(tree["individuals"])
        if set(tree["attributes"]) & set(skip):
            raise ValueError(f"state: expected no {', '.join(sorted(set(tree['attributes']) & set(skip)))}, got some")
        writer.fill(thing, tree["attributes"], "", skip)
    except (KeyError, IndexError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"state: expected what was captured, got something else ({brief(error)})") from None


class _Reader:
    """Turns values into nodes; an object met again is told by where it was met first."""

    def __init__(self, lenient: bool) -> None:
        self.lenient = lenient
        self.places: dict[int, str] = {}
        self.alive: list[Any] = []  # what has a place, so that nothing else gets its id
        self.people: list[Any] = []
        self.numbers: dict[int, int] = {}

    def named(self, values: Mapping[str, Any], where: str) -> dict[str, Tree]:
        return {name: self.node(value, join(where, name)) for name, value in values.items()}

    def attributes(self, thing: object) -> dict[str, Any]:
        """Return an object's attributes, when lenient without those that it works out from the others."""
        kind, held = type(thing), vars(thing)
        if not self.lenient:
            return dict(held)
        return {k: v for k, v in held.items() if not isinstance(getattr(kind, k, None), cached_property)}

    def each(self, values: Collection[Any], where: str) -> list[Tree]:
        return [self.node(value, join(where, k)) for k, value in enumerate(values)]

    def node(self, value: Any, where: str) -> Tree:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, Population):
            return {"population": [self.person(individual) for individual in value]}
        if isinstance(value, np.generic) and _is_plain(value.dtype):
            return {"number": np.array(value)}
        if type(value) in (tuple, frozenset):
            return {type(value).__name__: self.each(_ordered(value), where)}
        if isinstance(value, _CODE):
            return {"code": _name(value)}
        if id(value) in self.places:
            return {"again": self.places[id(value)]}
        self.places[id(value)] = where
        self.alive.append(value)
        if type(value) is np.ndarray:
            return self.array(value, where)
        if type(value) in (list, set):
            return {type(value).__name__: self.each(_ordered(value), where)}
        if type(value) is dict:
            pairs = [[self.node(key, where), self.node(v, join(where, key))] for key, v in value.items()]
            return {"dict": pairs}
        if isinstance(value, np.random.Generator):
            return described(value)
        return self.object(value, where)

    def array(self, value: Any, where: str) -> Tree:
        if _is_plain(value.dtype):
            return {"transposed": value.T} if value.flags.f_contiguous and not value.flags.c_contiguous else value
        items = self.each(value.ravel().tolist(), where)
        return {"grid": items, "shape": list(value.shape), "of": str(value.dtype)}

    def object(self, value: Any, where: str) -> Tree:
        if callable(getattr(value, "load_state", None)):
            return {"object": _name(type(value)), "state": self.node(value.state(), where)}
        if isinstance(value, Individual) or not _is_its_attributes(value):
            if self.lenient:
                return {"code": _name(type(value))}
            raise TypeError(f"{where}: expected plain data, or an object made of it, got {type(value).__name__}")
        held = self.named(self.attributes(value), where)
        node: dict[str, Tree] = {"object": _name(type(value)), "attributes": held}
        if isinstance(value, list):
            node["items"] = self.each(value, where)
        return node

    def person(self, individual: Any) -> int:
        if id(individual) not in self.numbers:
            self.numbers[id(individual)] = len(self.people)
            self.people.append(individual)
        return self.numbers[id(individual)]

    def individuals(self) -> Tree:
        """Return all individuals met, a column for each thing that they hold."""
        held = [_traits(individual) for individual in self.people]
        self.places = {}  # they are put back before anything else, so that they share among themselves only
        columns = {}
        for name in sorted({name for traits in held for name in traits}):
            values = [traits.get(name) for traits in held]
            columns[name] = self.column(values, f"individuals/{name}")
        return {"n": len(held), "columns": columns}

    def column(self, values: list[Any], where: str) -> Tree:
        first = values[0]
        if isinstance(first, np.ndarray) and _is_plain(first.dtype):
            alike = all(isinstance(v, np.ndarray) and v.shape == first.shape and v.dtype == first.dtype for v in values)
            if alike:
                return {"stack": np.stack(values)}
        return {"each": self.each(values, where)}


class _Writer:
    """Turns nodes back into values, into the object at the same place where there is one."""

    def __init__(self, individuals: Tree) -> None:
        self.found: dict[str, Any] = {}
        self.filled: dict[int, str] = {}
        self.people = [Individual() for _ in range(individuals["n"])]
        for name, column in individuals["columns"].items():
            values = (
                list(column["stack"].copy())
                if "stack" in column
                else self.each(None, column["each"], f"individuals/{name}")
            )
            for individual, value in zip(self.people, values, strict=True):
                if not name.startswith("data/"):
                    vars(individual)[name] = value
                elif value is not None:
                    individual.data[name.removeprefix("data/")] = value

    def fill(self, thing: object, nodes: Mapping[str, Tree], where: str, skip: Collection[str] = ()) -> None:
        """Give an object the attributes of the nodes, and no others but the ``skip``ped."""
        fresh = dict(vars(thing))
        for name in nodes:
            if name not in fresh and hasattr(type(thing), name) and callable(getattr(type(thing), name)):
                raise ValueError(f"{join(where, name)}: expected an attribute, got the name of a method")
        vars(thing).update({name: self.value(fresh.get(name), node, join(where, name)) for name, node in nodes.items()})
        for name in fresh:
            if name not in nodes and name not in skip:
                del vars(thing)[name]

    def each(self, fresh: Any, nodes: list[Tree], where: str) -> list[Any]:
        known = list(fresh) if isinstance(fresh, (list, tuple)) and len(fresh) == len(nodes) else [None] * len(nodes)
        return [self.value(old, node, join(where, k)) for k, (old, node) in enumerate(zip(known, nodes, strict=True))]

    def value(self, fresh: Any, node: Tree, where: str) -> Any:
        made = self.found[where] = self.made(fresh, node, where)
        return made

    def made(self, fresh: Any, node: Tree, where: str) -> Any:
        if isinstance(node, np.ndarray):
            return node.copy()
        if not isinstance(node, dict):
            return node
        if "object" in node:
            return self.object(fresh, node, where)
        ((kind, content), *rest) = node.items()
        match kind:
            case "number":
                return content[()]
            case "transposed":
                return content.copy().T
            case "list" | "tuple" | "set" | "frozenset":
                made: Any = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
                return made(self.each(fresh, content, where))  # a set has no places, so nothing of it is filled
            case "dict":
                old = fresh if isinstance(fresh, dict) else {}
                keys = [self.value(None, key, where) for key, _ in content]
                return {
                    key: self.value(old.get(key), v, join(where, key))
                    for key, (_, v) in zip(keys, content, strict=True)
                }
            case "grid":
                details = dict(rest)
                return np.array(self.each(None, content, where), dtype=details["of"]).reshape(details["shape"])
            case "generator":
                return resumed(fresh, content, dict(rest)["spawned"], where)
            case "population":
                return self.population(fresh, content)
            case "again":
                return self.found[content]
            case "code":
                if not isinstance(fresh, _CODE) or _name(fresh) != content:
                    got = _name(fresh if isinstance(fresh, _CODE) else type(fresh))
                    raise ValueError(f"{where}: expected {content}, got {got}")
                return fresh
        raise ValueError(f"{where}: expected a known kind of data, got {kind!r}")

    def object(self, fresh: Any, node: Tree, where: str) -> Any:
        if _name(type(fresh)) != node["object"]:
            raise ValueError(f"{where}: expected {node['object']}, got {_name(type(fresh))}")
        first = self.filled.setdefault(id(fresh), where)
        if first != where:
            raise ValueError(f"{where}: expected an object of its own, got that of {first}")
        self.found[where] = fresh
        if "state" in node:
            fresh.load_state(self.made(None, node["state"], where))
        else:
            self.fill(fresh, node["attributes"], where)
        if "items" in node:
            fresh[:] = self.each(fresh, node["items"], where)
        return fresh

    def population(self, fresh: Any, members: list[int]) -> Any:
        made = Population.create(*[self.people[k] for k in members])
        if isinstance(fresh, Population) and type(fresh) is not Population:  # an archive, with its settings
            made = made.view(type(fresh))
            vars(made).update(vars(fresh))
        return made


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Return whether an array's numbers can be written as they are."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8


def _ordered(values: Any) -> list[Any]:
    """Return a collection's members, those of a set in an order that does not depend on the process."""
    return sorted(values, key=repr) if isinstance(values, (set, frozenset)) else list(values)


def _is_its_attributes(value: Any) -> bool:
    """Return whether an object holds nothing but its attributes, and the items of a list."""
    if not hasattr(value, "__dict__"):
        return False
    for kind in type(value).__mro__:
        if kind in (object, list):
            continue
        own = vars(kind)
        written_in_python = bool(kind.__flags__ & (1 << 9))  # a heap type
        if not written_in_python or own.get("__slots__") or {"__reduce__", "__reduce_ex__", "__getstate__"} & set(own):
            return False
    return True


def _traits(individual: Any) -> dict[str, Any]:
    own = {name: value for name, value in vars(individual).items() if name not in ("data", "config")}
    return {**own, **{f"data/{name}": value for name, value in individual.data.items()}}


def _name(value: Any) -> str:
    """Return the name of a class or a function without where it lives, so that it may move between two runs."""
    if isinstance(value, partial):
        return f"partial of {_name(value.func)}"
    return str(getattr(value, "__qualname__", getattr(value, "__name__", value)))
