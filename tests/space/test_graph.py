from carsmoo.space.graph import Layer, Vertex, auxiliary_place, branches, halvings, reaching_the_end, text_of

CONV = Layer("nor_conv_3x3", 4, 4, 9, 7)
HALVING = CONV._replace(stride=2)
ADD, ZEROS = CONV._replace(kind="add"), CONV._replace(kind="zeros")
END = Layer("classifier", 4, 10, 9, 7)


def test_a_layer_of_stride_two_gives_half_the_size_rounded_up() -> None:
    assert (HALVING.after, HALVING.area, HALVING.size) == ((5, 4), 20, 80)
    assert (CONV.after, CONV.size) == ((9, 7), 252)
    assert (END.area, END.size) == (1, 10)
    assert text_of(HALVING) == "nor_conv_3x3 4->4 at 9x7, stride 2"


def test_what_the_logits_do_not_depend_on_does_not_run() -> None:
    vertices = [
        Vertex(CONV, (), "a"),
        Vertex(CONV, (0,), "b"),
        Vertex(CONV, (0,), "dead"),
        Vertex(ADD, (0, 1)),
        Vertex(END, (3,), "classifier"),
    ]
    assert [vertex.runs for vertex in reaching_the_end(vertices)] == [True, True, False, True, True]
    assert [vertex[:3] for vertex in reaching_the_end(vertices)] == [vertex[:3] for vertex in vertices]


def test_zeros_do_not_depend_on_what_they_are_as_large_as() -> None:
    vertices = [Vertex(CONV, (), "a"), Vertex(CONV, (0,), "b"), Vertex(ZEROS, (1,)), Vertex(END, (2,), "classifier")]
    assert [vertex.runs for vertex in reaching_the_end(vertices)] == [False, False, True, True]


def test_halvings_are_those_on_the_way_from_the_images() -> None:
    vertices = [Vertex(HALVING, (), "a"), Vertex(CONV, (0,), "b"), Vertex(HALVING, (1,), "c"), Vertex(ADD, (2, 2))]
    assert [halvings(vertices, place) for place in range(4)] == [1, 1, 2, 2]


def test_of_a_sum_only_what_is_no_shortcut_may_be_dropped() -> None:
    chain = [
        Vertex(CONV, (), "a"),
        Vertex(CONV, (0,), "b"),
        Vertex(CONV, (1,), "c"),
        Vertex(ADD, (0, 2)),  # a is a shortcut of c, through b
        Vertex(CONV, (3,), "d"),
        Vertex(ADD, (4, 3)),  # a sum is none that may be dropped
        Vertex(CONV, (3,), "e"),
        Vertex(ADD, (4, 6)),  # both read the same
        Vertex(ADD, (5, 7)),
    ]
    assert branches(chain) == {(3, 2), (5, 4), (7, 4), (7, 6)}


def test_an_auxiliary_head_reads_the_first_layer_that_runs_at_the_last_size() -> None:
    small = CONV._replace(height=5, width=4)
    vertices = [
        Vertex(CONV, (), "a"),
        Vertex(HALVING, (0,), "dead"),
        Vertex(HALVING, (0,), "b"),
        Vertex(small, (2,), "c"),
        Vertex(END._replace(height=5, width=4), (3,), "classifier"),
    ]
    assert auxiliary_place(reaching_the_end(vertices)) == 2
    assert auxiliary_place(reaching_the_end([vertices[0], Vertex(END, (0,), "classifier")])) == 0
