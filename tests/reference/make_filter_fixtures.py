"""Writes tests/reference/filters-expected.json: every filter, test and method that chat templates use on values chosen to be
awkward, rendered by Jinja2 itself (3.1.6 on Python 3.11). null stands for an error.

Usage: /usr/bin/python3 tests/reference/make_filter_fixtures.py > tests/reference/filters-expected.json
"""
import contextlib, io, json, sys
with contextlib.redirect_stdout(io.StringIO()):  # the other script prints its own fixtures
    from make_chat_fixtures import env

SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
TEXTS = [
    "", "a", "it's a", "hello wORLD-foo (bar) {baz} [qux] <quux> x_y", SPACES + "x" + SPACES + "y z" + SPACES, "\u200b\ufeff\u180ex",
    "stra\xdfe \xdfa \u0130\u0131 \u01c6\u01c4 \ufb01n o'brien's 3rd", "\u039f\u0394\u039f\u03a3 \u03a3 a\u03a3b A\u03a3\u0301. \u03a3'\u03a3", "\u10d0\u10d1 \u1f80\u1fb3 \u2170\u24b6 \xaa",
    "\U0001d400\U0001d401 \U00010428\U00010400 \U0001f600e\u0301", "a\r\nb\rc\n\nd\x0be\x0cf\x1cg\x1dh\x1ei\x85j\u2028k\u2029l\n", "--a--b--", "xyxabxyx", "42", " 1_000 ", "\u0663\u0664", "\xb2", "4.5e3", "-inf", "NaN", "0x1F", "+7",
]
NUMBERS = ["0", "42", "-7", "true", "2.5", "-0.5", "0.125", "2.675", "1e15", "1234567890123456.7", "1.5e15", "1e16", "1e-5", "0.0001", "123456.789", "-1e300", "9007199254740993", "0.1 + 0.2", "5e-324"]
LISTS = ["[]", "['b','B','a']", "['a','A','b']", "['b','B']", "['B','b']", "[3,1,2,1.0,true]", "['\u00e9','z','E','\uff5e','\U00010000']", "[[2,'a'],[1,'B'],[2,'A']]", "['\u03a3','\u03c3','\u03c2']", "[1,'a']", "[none]",
         "[{'k':1,'v':'x'},{'k':0,'v':'y'},{'k':1,'v':'z'}]", "[{'k':'b','v':{'w':'x'}},{'k':'B','v':{'w':'X'}},{'k':'a','v':{'w':'q'}}]", "'hello'", "{'b':1,'B':0,'a':2}", "range(4)", "(1,2,1)", "42", "none", "missing"]
ON_TEXT = ["trim", "upper", "lower", "capitalize", "title", "length", "list", "first", "last", "reverse", "string", "int", "int(5)", "int(7, 16)", "float", "float(1.5)", "tojson", "tojson(ensure_ascii=true)", "indent", "indent(2, true)", "indent('> ', blank=true)", "trim('x-')",
           "replace('a', '-')", "replace('', '-')", "replace('', '-', 2)", "replace('b', '', 1)", "join('/')", "unique|join", "sort|join", "max", "min", "wordless", "abs", "round", "select|list", "map('upper')|join", "default('d', true)"]
METHODS = ["strip()", "lstrip()", "rstrip()", "strip('xa')", "strip('')", "lstrip('x')", "rstrip('x\u00e9\U0001d401')", "split()", "split(none, 1)", "split(maxsplit=2)", "rsplit()", "rsplit(none, 1)", "split('a')", "split('a', 1)", "split('a', 0)", "rsplit('a', 1)", "split('')",
           "splitlines()", "upper()", "lower()", "title()", "capitalize()", "isdigit()", "isdecimal()", "isalpha()", "isspace()", "isupper()", "islower()", "find('b')", "rfind('b')", "find('\U0001d401')", "index('a')", "count('')", "count('a')", "startswith('a')",
           "startswith(('x','a'))", "endswith('\\n')", "removeprefix('x')", "removesuffix('x')", "replace('a', '')", "replace('', '.')", "partition('b')", "rpartition('b')", "join(['a','b'])", "join('ab')", "join([1])"]
ON_NUMBER = ["round", "round(1)", "round(2)", "round(-1)", "round(0, 'ceil')", "round(1, 'floor')", "round(1, 'up')", "int", "float", "abs", "string", "tojson", "length", "upper", "sum"]
ON_LIST = ["sort", "sort(reverse=true)", "sort(case_sensitive=true)", "sort(true)", "sort(false, true)", "sort(attribute='k')", "sort(attribute='k', reverse=true)", "sort(attribute='k,v')", "sort(attribute=0)", "sort(attribute='v.w')", "unique", "unique|list", "unique(true)|list", "unique(attribute='k')|list",
           "max", "min", "max(case_sensitive=true)", "min(true)", "max(attribute='k')", "min(attribute='k')", "sum", "sum(start=10)", "sum(attribute='k')", "sum(start=[])", "sum('k', 5)", "join", "join(', ')", "join(1)", "join('-', attribute='k')", "length", "first", "last", "list", "reverse|list", "reverse", "map('upper')|list",
           "map(attribute='k')|list", "map(attribute='z', default='d')|list", "map(attribute='v.w', default='d')|list", "select|list", "reject|list", "select('string')|list", "selectattr('k')|list", "selectattr('k', 'eq', 1)|list", "rejectattr('k', '==', 1)|list", "select('gt', 1)|list", "select('in', [1])|list", "map('int')|list",
           "dictsort", "dictsort(true)", "dictsort(by='value')", "dictsort(reverse=true)", "dictsort(by='size')", "items|list", "tojson", "tojson(indent=2)", "tojson(separators=(',', ':'), sort_keys=true)", "string", "default('d')", "int", "float", "round", "abs"]
TESTS = ["defined", "none", "boolean", "string", "integer", "float", "number", "mapping", "sequence", "iterable", "callable", "lower", "upper", "odd", "true", "sameas none", "eq 1", "lt 2", "in [1, 'a']"]
MORE = r"""
{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ -1 % 3.0 }} {{ 0.3 % 0.1 }} {{ 1e16 // 1 }} {{ 5 % -3 }} {{ -5 // 3 }} {{ 4.0 % 2 }} {{ -4.0 % 2 }} {{ 2 ** -1 }} {{ 2.0 ** 0.5 }} {{ -3.0 // 2 }}
{{ 0 ** -1 }}
{{ (-8) ** 0.5 }}
{{ 10.0 ** 400 }}
{{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ [1] == (1,) }} {{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ (1, 'a') < (1, 'b') }}
{{ '\uff5e' < '𐀀' }} {{ ['𐀀', '\uff5e'] | sort }} {{ 'nan' | float < 1 }} {{ 'nan' | float == 'nan' | float }} {{ 'inf' | float > 1 }}
{{ [1] < ['a'] }}
{{ [1] + (2,) }}
{{ (1,) + (2,) }} {{ [1] + [2] }} {{ (1, 2, 3)[1:] }} {{ 'ab' * 2 }}
{{ range(3) }} {{ range(1, 9, 3) }} {{ range(3) == [0, 1, 2] }} {{ range(3)[1] }} {{ range(3)[-1] }} {{ range(0) | length }} {{ range(5) is sequence }}
{{ range(2) + [1] }}
{{ {'a': 1}.items() }} {{ {'a': 1}.keys() }} {{ {'a': 'x'}.values() }} {{ {'a': 1}.keys() | length }} {{ {'a': 1}.keys()[0] is defined }} {{ 'a' in {'a': 1}.keys() }} {{ {}.items() or 'none' }} {{ {'a': 1}.items() is sequence }}
{{ 'yes' if [] | select else 'no' }} {{ 'yes' if [] | map('upper') else 'no' }} {{ ([1] | select)[0] is defined }} {{ 1 in ([1, 2] | select) }} {{ [1, 2] | select is iterable }} {{ [] | unique is sequence }}
{{ [1] | select | length }}
{{ [1, 2] | map('string') | last }}
{{ [1] | map('string') | tojson }}
{% set g = [1, 2, 3] | select %}{{ g | first }}{{ g | list }}{{ g | list }} {% set h = [1, 2, 3] | reject('eq', 2) %}{{ 1 in h }}{{ h | join(',') }} {% for i in [3, 4] | map('string') %}{{ i }}{{ loop.last }}{{ loop.length }}{% endfor %}
{{ "\x1f\x7f\x85\xad\u200b\u2028\ue000" | list }} {{ ["it's", 'say "x"', 'both \' "', 'tab\t\\'] }} {{ {'é': '😀'} }}
{{ 'a b' . split ( ) }} {{ missing | default }}|{{ none | default('x') }} {{ '' | default('x', boolean=true) }} {{ missing | list }} {{ missing | length }} {{ missing is sequence }} {{ missing is iterable }} {{ missing | join }} {{ missing | trim }} {{ missing == missing2 }}
{{ missing | int }}
{{ missing | float }}
{{ missing | abs }}
{{ missing < 1 }}
{{ '5' | int + '5' }}
{{ 'abc'.find('c', 1) }}
{{ 'abc' | upper(1) }}
{{ 'abc' | trim(chars='a', side='left') }}
{{ 'a'.strip(chars='a', side=1) }}
{{ [1, 2] | join(',', none) }} {{ [[1, 2], [3]] | map('join', '-') | list }} {{ ['a b', 'c'] | map('replace', ' ', '_') | list }} {{ [1, 2, 3] | map('string') | map('upper') | join }} {{ ['1', 'x'] | map('int', default=7) | list }}
{{ [1, 2, 3] | select('divisibleby', 2) | list }} {{ ['a', 1] | select('string') | list }} {{ [{'a': 1}, {}] | selectattr('a', 'defined') | list }} {{ [{'a': {'b': 1}}, {'a': {}}] | selectattr('a.b') | list }} {{ [3, 4] | reject('odd') | list }}
{{ 'a\n' | indent }}| {{ '' | indent(3, true) }}| {{ 'a\r\nb' | indent(1) }}| {{ 'x' | indent(250, true) | length }} {{ ' a' | indent(width='--', first=true) }}
{{ {'b': [1, {'c': []}], 'a': {}} | tojson(indent=0) }} {{ {'b': 1, 'a': 2} | tojson(indent=20, sort_keys=true) }} {{ 'é😀\x7f\u2028' | tojson }} {{ 'é😀\x7f' | tojson(true) }} {{ [1e16, 1.5, 'nan' | float, 'inf' | float] | tojson }} {{ [1, 2] | tojson(separators=(',', ':')) }}
{{ range(2) | tojson }}
{{ missing | tojson }}
{{ 'Ab' is lower }} {{ 'ab' is lower }} {{ '1' is lower }} {{ 'ǅ' is upper }} {{ 1.0 is float }} {{ true is integer }} {{ true is number }} {{ 'x' is sequence }} {{ 3 is sequence }} {{ {} is sequence }}
{{ '%s' % 'a' }}
{{ 1 < 'a' }}
{{ {'a': 1}.get('a', 2) }} {{ {'a': 1}.get('b') }} {{ {'a': 1}.get(1, 'd') }} {{ {'keys': 5}['keys'] }} {{ {'a': {'keys': 5}}.a['keys'] }} {{ {'get': 1} is mapping }}
{% set x = '  pad' -%}
	 {{- x }}
{{ "-" -}}   {{ 'b' }}{#- note -#} 
""".strip("\n").split("\n")

def render(template):
    try:
        return env.from_string(template).render()
    except Exception:
        return None


cases = [("{{ x|%s }}" % f, t) for f in ON_TEXT for t in TEXTS] + [("{{ x.%s }}" % m, t) for m in METHODS for t in TEXTS] + [("{{ x is %s }}" % test, t) for test in TESTS for t in TEXTS[:12]]
plain = ["{{ (%s)|%s }}" % (n, f) for f in ON_NUMBER for n in NUMBERS] + ["{{ %s }}" % n for n in NUMBERS] + ["{{ (%s)|%s }}" % (v, f) for f in ON_LIST for v in LISTS] + ["{{ (%s) is %s }}" % (v, t) for t in TESTS for v in LISTS + NUMBERS[:5]] + MORE


def with_text(template, text):
    try:
        return env.from_string(template).render(x=text)
    except Exception:
        return None


def known(text):
    """A generator's text holds its address: no template means it, so it counts as an error."""
    return None if text is not None and (" object " in text and " at 0x" in text) else text


by_template = {}
for template, text in cases:
    by_template.setdefault(template, []).append(known(with_text(template, text)))
json.dump({"texts": TEXTS, "on_texts": by_template, "plain": [[t, known(render(t))] for t in plain]}, sys.stdout, ensure_ascii=True, indent=None, separators=(",", ":"))
print()
