"""Writes tests/reference/chat-expected.json: templates rendered by Jinja2 itself, set up as transformers sets it up.

Usage: /usr/bin/python3 tests/reference/make_chat_fixtures.py > tests/reference/chat-expected.json
"""
import datetime, json, pathlib, sys
import jinja2, jinja2.ext, jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        return jinja2.nodes.Scope(parser.parse_statements(["name:endgeneration"], drop_needle=True)).set_lineno(line)


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def dumps(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
env.filters["tojson"] = dumps
env.globals["raise_exception"] = refuse
env.globals["strftime_now"] = lambda f: datetime.datetime(2026, 1, 2, 15, 4, 5).strftime(f)


def render(template, names):
    try:
        return env.from_string(template).render(**names)
    except Refused as error:
        return {"refused": str(error)}


TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
CHATS = [
    [("user", "Hi!")],
    [("system", "  Be brief.\n"), ("user", "What is 2+2?")],
    [("user", " leading"), ("assistant", " It is 4. \n"), ("user", "And 'quotes' \"too\"? ünï 😀")],
    [("system", "S"), ("user", "q"), ("assistant", "<think>\nhm\n</think>\n\nyes"), ("user", "<tool>x</tool>"), ("assistant", "<think>\na\n</think>\n\nb")],
    [("user", "a"), ("user", "b")],
    [("robot", "beep")],
]
EXPRESSIONS = r"""
{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 1.5 + 1 }} {{ 10.0 }} {{ 1e3 if false else 0.1 }}
{{ 'a' ~ 1 ~ none ~ true }} {{ "x" * 3 }} {{ 'a' 'b' }} {{ "tab\tnew" }} {{ 'it''s' }} {{ "\u00e9" }}
{{ 1 < 2 <= 2 }} {{ 'a' in 'cat' }} {{ 3 not in [1, 2] }} {{ 'k' in {'k': 1} }} {{ not true or true }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }}
{{ none }} {{ undefined_name }} {{ undefined_name is defined }} {{ undefined_name | default('d') }} {{ '' | default('e', true) }} {{ messages.nothing is defined }}
{{ [1, 'two', none, true, 2.5] }} {{ {'a': [1], "b'c": 'd"e'} }} {{ (1, 2) | list }} {{ [] or 'empty' }} {{ 0 and 1 }}
{{ 'hello'[1] }} {{ 'hello'[-1] }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ 'a😀b'[1] }} {{ [1,2,3,4][1:-1] }} {{ [1,2,3][5] is defined }} {{ [1,2,3,4,5][::2] }} {{ 'hello'[:-2] }}
{{ '  x '.strip() }}|{{ 'xxaxx'.strip('x') }} {{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b '.split() }} {{ 'a-b-c'.rsplit('-', 1) }} {{ 'ab\ncd\n'.splitlines() }}
{{ 'hello world'.title() }} {{ 'hELLO'.capitalize() }} {{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'ab'.upper() }} {{ 'abc'.find('c') }} {{ 'aa'.count('a') }} {{ 'abc'.startswith(('x', 'a')) }}
{{ ' x ' | trim }}| {{ 'abc' | upper | lower | length }} {{ [3,1,2] | sort }} {{ [3,1,2] | sort(reverse=true) | join('-') }} {{ ['b','A'] | sort }} {{ [1,2,2,1] | unique | list }} {{ [1,2] | sum }} {{ [3,9] | max }}
{{ messages | map(attribute='role') | join(', ') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | list }} {{ [1,2,3,4] | select('odd') | list }} {{ ['a','b'] | map('upper') | list }}
{{ {'b': 1, 'a': [1, {'x': none}]} | tojson }} {{ {'b': 1, 'a': []} | tojson(indent=2) }} {{ 'quote" \\ ünï \n' | tojson }} {{ [1, 2] | tojson(indent=4) }} {{ 1.0 | tojson }}
{{ {'b': 1, 'a': 2} | items | list }} {{ {'b': 1, 'a': 2} | dictsort }} {{ {'b': 1}.items() | list }} {{ {'b': 1}.get('c', 'none') }} {{ {'a': {'b': 3}}.a.b }} {{ {'a': 1}['a'] }} {{ {'x': 1}.keys() | list }}
{{ '3' | int + 1 }} {{ 'x' | int(7) }} {{ '2.5' | float }} {{ 3.7 | int }} {{ -3 | abs }} {{ 2.567 | round(2) }} {{ 5 is odd }} {{ 6 is divisibleby 3 }} {{ 'a' is string }} {{ none is none }} {{ [] is iterable }} {{ {} is mapping }} {{ 3 is number }} {{ 3 is not string }} {{ 2 is in [1, 2] }} {{ true is boolean }}
{{ 'line1\nline2\n\nline4' | indent(2) }} {{ 'a\nb' | indent(3, true) }} {{ 'abc' | first }} {{ [1,2] | last }} {{ 'abc' | reverse }} {{ 'hello' | replace('l', 'L') }} {{ 'a b' | title }}
{% for i in range(3) %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %} {% for i in range(5, 0, -2) %}{{ i }}{% endfor %} {% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %} {% for i in range(9) if i is even %}{{ i }}{{ loop.revindex }}{% endfor %} {% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% set x = 1 %}{% for i in range(2) %}{% set x = 5 %}{% endfor %}{{ x }} {% if true %}{% set x = 2 %}{% endif %}{{ x }} {% set a, b = 1, 'two' %}{{ a }}{{ b }} {% set t %}block {{ x }}{% endset %}[{{ t }}]
{% set ns = namespace(n=0, s='') %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }} {{ ns.s }} {% for c in 'ab' %}{{ loop.previtem }}{{ c }}{{ loop.nextitem }}{{ loop.cycle('x', 'y') }}{% endfor %}
{% macro m(a, b='B', c=none) %}({{ a }}{{ b }}{{ c }}){% endmacro %}{{ m('A') }}{{ m('A', c='C') }}{{ m(b=1, a=2) }} {% macro fact(n) %}{{ 1 if n <= 1 else n * fact(n - 1) | int }}{% endmacro %}{{ fact(5) }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %B %b %A %a %j %y %I %p %%') }} {{ raise_exception is defined }} {{ 'a' if false }}| {{ ('a' if false) is undefined }}
{{ "a" -}}   b   {{- "c" }} {%- if true %} d {%- endif %} e {# comment #} f {#- strip -#} g
{% for i in range(6) %}{% if loop.changed(i // 2) %}{{ i }}{% endif %}{% endfor %} {% if 0 %}a{% elif '' %}b{% elif [0] %}c{% else %}d{% endif %} {{ range(3) | list }} {{ 'x' is sameas 'x' }} {{ [[1, 2], [3]] | sum(start=[]) if false else 'ok' }}
""".strip().split("\n")
BLOCKS = [
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
    "a\n  {%+ if true %}\nb\n{%- endif +%}\n\nc\n\n",
    "x {% if true %} y\n {% endif %} z\n{# note #}\n  {# note #}\nend\n",
    "{% for i in range(2) %}\n\t{{ i }}\n{% endfor %}\n",
    "  {{ 1 }}\n  {%- set a = 1 -%}\n\n  {{ a }}  \n",
    "{% if true %}{% if true %}\n  in\n{% endif %}  {% endif %}\nout",
]
chats = []
for file in sorted((pathlib.Path(__file__).parent / "chat").glob("*.jinja")):
    for i, chat in enumerate(CHATS):
        for names in ({"add_generation_prompt": True}, {"add_generation_prompt": False}, {"add_generation_prompt": True, "enable_thinking": False, "date_string": "today"}):
            messages = [{"role": r, "content": c} for r, c in chat]
            chats.append({"template": file.name, "messages": messages, "names": names,
                          "expected": render(file.read_text(encoding="utf-8"), {"messages": messages, "tools": None, "documents": None, **TOKENS, **names})})
expressions = [{"template": t, "expected": render(t, {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}], **TOKENS})} for t in EXPRESSIONS + BLOCKS]
json.dump({"chats": chats, "expressions": expressions}, sys.stdout, indent=1, ensure_ascii=True)
print()
