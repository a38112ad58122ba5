"""The seconds of a search, from those of an epoch and of scoring one network: eq. 5, and what one device needs.

The paper: T = E_warm T_tr + E_evo (T_val + I_param T_tr N_b), scoring taken as parallel over the population. Here a
generation scores (2 t + 1) N networks: t N newborns before training, all (1 + t) N after it. Scored as one graph, n
networks cost n T_val / P(n), where P is what sharing and larger calls save, so that

    T = E_warm T_tr N_b + N T_val / P(N)
        + E_evo (I_param T_tr N_b + t N T_val / P(t N) + (1 + t) N T_val / P((1 + t) N))
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a search: epochs of warm-up, generations, epochs of each, N_b, N and t."""

    e_warm: int
    e_evo: int
    i_param: int
    n_b: int
    n: int
    t: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of an epoch with one architecture a step and of scoring one network, and what scoring many saves."""

    t_tr: float
    t_val: float
    p_newborn: float
    p_all: float


def predicted(plan: Plan, random: Times, evolving: Times) -> dict[str, float]:
    """Return the seconds of each part of a search, as this module's text says.

    Args:
        plan: its numbers.
        random: times of random architectures, for warm-up and the first scores.
        evolving: times of the architectures of the generations.
    """
    newborn = plan.t * plan.n * evolving.t_val / evolving.p_newborn
    everyone = (1 + plan.t) * plan.n * evolving.t_val / evolving.p_all
    return {
        "warm_up": plan.e_warm * random.t_tr * plan.n_b,
        "training": plan.e_evo * plan.i_param * evolving.t_tr * plan.n_b,
        "scoring": plan.n * random.t_val / random.p_newborn + plan.e_evo * (newborn + everyone),
    }


def paper_form(plan: Plan, random: Times, evolving: Times) -> dict[str, float]:
    """Return eq. 5 as it is printed, by part: a generation's scoring costs one validation pass."""
    return {
        "warm_up": plan.e_warm * random.t_tr,
        "training": plan.e_evo * plan.i_param * evolving.t_tr * plan.n_b,
        "scoring": plan.e_evo * evolving.t_val,
    }
