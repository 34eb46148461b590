"""Columns of tables by name and index."""

import pytest

from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table


def test_columns_by_name_and_index(tmp_path, write):
    table = open_table(write(tmp_path, "a,1,c\n1,2,3\n"))
    assert [table.index(c) for c in ("a", "c", "0", "-1", "-3", "1")] == [0, 2, 0, 2, 0, 1]
    for wrong in ("b", "3", "-4", "1.0", ""):
        with pytest.raises(TableError, match="its columns are 'a', '1', 'c'"):
            table.index(wrong)
