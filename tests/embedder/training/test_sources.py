"""What is read from unpacked source distributions: allowed projects, nothing held out twice, prose only."""

import pytest

from embedder.training import data_code, data_docs

FUNCTION = '''
def add_up(numbers):
    """Add up all numbers of a list.

    Nothing is rounded on the way.
    """
    total = sum(number for number in numbers)
    return total
'''

DOCUMENT = """
Reading a file
==============

A file is read line by line, so that memory stays small. The reader closes it at the end.  Lines keep
their :py:class:`~text.Ending` marks, unless the `options <https://example.org>`_ say otherwise.

.. note:: this is not prose

::

    code = open("not prose")

Writing
-------

Too short.
"""


@pytest.fixture
def folder(tmp_path):
    for project in ("flask", "no-such-project"):
        (tmp_path / project / "src" / "tests").mkdir(parents=True)
        (tmp_path / project / "docs").mkdir()
        (tmp_path / project / "src" / "sums.py").write_text(FUNCTION)
        (tmp_path / project / "src" / "tests" / "test_sums.py").write_text(
            FUNCTION.replace("add_up", "test_it")
        )
        (tmp_path / project / "docs" / "reading.rst").write_text(DOCUMENT)
        (tmp_path / project / "docs" / "CHANGES.rst").write_text(DOCUMENT)
        (tmp_path / project / "README.rst").write_text(DOCUMENT)
    return tmp_path


def test_only_projects_of_the_list_are_read(folder):
    assert list(data_code.source_folders([folder])) == ["flask"]
    assert [pair.document for pair in data_docs.collect([folder])] == ["flask/docs/reading.rst"]


def test_every_line_of_the_list_names_project_version_and_a_permissive_licence():
    allowed = data_code.allowed_sources()
    assert len(allowed) > 250
    for name, (version, licence) in allowed.items():
        assert version[0].isdigit(), name
        assert any(word in licence for word in ("MIT", "BSD", "Apache", "ISC", "PSF")), name
        assert "GPL" not in licence, name


def test_functions_of_a_distribution_are_read_and_tests_are_not(folder):
    files = data_code._files([folder])["flask (source)"]
    assert [path.name for _, path in files] == ["sums.py"]


def test_what_is_installed_is_not_read_from_its_distribution_too(tmp_path):
    (tmp_path / "numpy" / "numpy").mkdir(parents=True)
    (tmp_path / "numpy" / "numpy" / "sums.py").write_text(FUNCTION)
    files = data_code._files([tmp_path])
    assert "numpy" in files
    assert "numpy (source)" not in files


def test_a_section_is_heading_first_sentence_and_rest_in_plain_words(folder):
    (pair,) = data_docs.collect([folder])
    assert pair.title == "Reading a file"
    assert pair.first == "A file is read line by line, so that memory stays small."
    assert pair.rest == (
        "The reader closes it at the end. "
        "Lines keep their text.Ending marks, unless the options say otherwise."
    )


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("## A *bold* `title`", "A bold title"),
        ("see [the page](there.html)", "see the page"),
        (":ref:`the page <label>`", "the page"),
        ("``code`` and file_name", "code and file_name"),
    ],
)
def test_marks_are_taken_off(marked, words):
    assert data_docs.plain(marked.lstrip("# ")) == words


def test_what_only_adapters_learn_from_is_kept_apart(tmp_path):
    own, base = (set(data_code.allowed_sources(f)) for f in (data_code.ADAPTER_LIST, data_code.BASE_LIST))
    assert len(own) > 100 and not own & base
    for project in ("tenacity", "flask"):
        (tmp_path / project).mkdir()
    (tmp_path / "tenacity" / "sums.py").write_text(FUNCTION)
    (tmp_path / "tenacity" / "more.py").write_text(FUNCTION.replace("sum(", "fsum("))
    (tmp_path / "flask" / "sums.py").write_text(FUNCTION)
    known = data_code.pairs_of_file(tmp_path, tmp_path / "flask" / "sums.py")
    found = data_code.collect_for_adapters([tmp_path], known)
    assert [pair.module for pair in found] == ["tenacity/more.py"], "nothing that the base has read"
    assert data_code.licences(found) == {"stdlib": "PSF-2.0", "tenacity": "Apache-2.0"}
    assert not [name for name in data_code._files([tmp_path]) if name.startswith("tenacity")]


def test_licences_of_adapters_sources_are_permissive_too():
    for name, (version, licence) in data_code.allowed_sources(data_code.ADAPTER_LIST).items():
        assert version[0].isdigit(), name
        assert any(word in licence for word in ("MIT", "BSD", "Apache", "ISC", "PSF")), name
