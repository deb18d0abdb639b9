"""Refusals of tables of numbers."""

from .array_files import numbers
from .case import Case
from .mixed_files import VAL

WITH_WORDS = numbers("a,b,c", "1,2,x", "3,4,y", "5,6,x")

NUMBERS: list[Case] = [
    Case("numeric_csv", WITH_WORDS, "data.source.columns", "[a, b]"),
    Case("numeric_csv", WITH_WORDS, "data.source.label_column", "c"),
    Case("numeric_csv", WITH_WORDS, "data.source.columns", "[a, b]", {"data.source.columns": "[a, d]"}),
    Case("numeric_csv", numbers("a,b", "1,", "2,3"), "data.source.columns", "[a]"),
    Case("numeric_csv", numbers("a,b", "1,2", "3,4"), "data.source.columns", "[a]", {"data.source.columns": "[]"}),
    Case("numeric_csv", numbers("a,b", "1,", "2,3", "3,4"), "data.source.missing", "skip"),
    Case("numeric_csv", numbers("a,b", "1,", "2,"), "data.source.columns", "[a]", {"data.source.missing": "skip"}),
    Case("numeric_csv", numbers("1,1", "2,3"), "data.source.header", "false", {"data.source.header": "true"}),
    Case("numeric_csv", numbers("a;b", "1,234;2", "3,500;4"), "data.source.decimal", "comma"),
    Case(
        "numeric_csv",
        numbers("a|b", "1|2", "3|4"),
        "data.source.delimiter",
        "'|'",
        {"data.source.name": "numeric_csv", "data.source.columns": "[a]"},
    ),
    Case(
        "numeric_csv",
        numbers("a,b", "1,2", "3,4.5"),
        "data.source.values",
        "floats",
        {"data.source.values": "integers"},
    ),
    Case(
        "numeric_csv",
        numbers("a,label", "1,0.5", "3,4"),
        "data.source.label_column",
        "none",
        {"data.source.label_column": "label"},
    ),
    Case("numeric_csv", numbers("a,split", "1,train", "2,test"), "data.source.split", "null", VAL),
]
