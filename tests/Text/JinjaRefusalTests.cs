using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>What a template is told when it asks for what cannot be: the words name what was found and what was expected, and the line.</summary>
public sealed class JinjaRefusalTests
{
    private static string Refused(string template) => Assert.Throws<LabException>(() => ChatTemplate.Parse(template).Render([new("user", "u")])).Message;

    private static void Said(string template, string what, int line = 1) => Assert.Equal($"chat template: line {line}: {what}. Correct the template, or do without it.", Refused(template));

    [Theory]
    [InlineData("{{ +'a' }}", "'+' cannot stand before a string"), InlineData("{{ -[] }}", "'-' cannot stand before a list"), InlineData("{{ -none }}", "'-' cannot stand before none")]
    [InlineData("{{ 1 / 0 }}", "division by zero"), InlineData("{{ 1.5 // 0 }}", "division by zero"), InlineData("{{ 1 % 0 }}", "division by zero")]
    [InlineData("{{ 0 ** -1 }}", "division by zero"), InlineData("{{ 0.0 ** -1 }}", "division by zero"), InlineData("{{ 1e200 ** 2 }}", "the result of '**' is no number a float can hold")]
    [InlineData("{{ 2 ** 63 }}", "the result of '**' is beyond 64 bits"), InlineData("{{ 9223372036854775807 * 2 }}", "the result of '*' is beyond 64 bits")]
    [InlineData("{{ [] + 1 }}", "'+' cannot join a list and a number"), InlineData("{{ (1,) + [1] }}", "'+' cannot join a list and a list"), InlineData("{{ 'a' - 'a' }}", "'-' cannot join a string and a string")]
    [InlineData("{{ 'a' < 1 }}", "'<' cannot compare a string and a number"), InlineData("{{ {} > {} }}", "'>' cannot compare a mapping and a mapping")]
    [InlineData("{{ 1 in 2 }}", "'in' cannot look into a number"), InlineData("{{ 1 in 'a' }}", "a string cannot contain a number")]
    [InlineData("{{ 5[:1] }}", "a number cannot be sliced"), InlineData("{{ range(3)[:1] }}", "a list cannot be sliced")]
    [InlineData("{{ 'abc'[::0] }}", "the step of a slice is 0"), InlineData("{{ 'abc'['x':] }}", "a slice cannot be bounded by a string")]
    [InlineData("{{ (1)() }}", "'the called value' is not a function known here: it is a number"), InlineData("{{ messages.x() }}", "'x' is not a function known here: it is 'x', which is undefined")]
    [InlineData("{{ {none: 1} }}", "only strings are supported as keys of a mapping")]
    [InlineData("{{ missing.member }}", "'missing' is undefined, so it has no member 'member'"), InlineData("{{ missing['k'] }}", "'missing' is undefined, so it has no item 'k'")]
    [InlineData("{{ (1 if false).x }}", "'the other branch of an inline if' is undefined, so it has no member 'x'")]
    [InlineData("{{ 'a'[1].x }}", "'an item of a string' is undefined, so it has no member 'x'"), InlineData("{{ [1][1].x }}", "'an item of a list' is undefined, so it has no member 'x'")]
    [InlineData("{{ ([]|first).x }}", "'the first item' is undefined, so it has no member 'x'"), InlineData("{{ ([]|map('upper')|first).x }}", "'the first item' is undefined, so it has no member 'x'")]
    [InlineData("{{ ([]|last).x }}", "'the last item' is undefined, so it has no member 'x'")]
    [InlineData("{{ ([]|min).x }}", "'the least item' is undefined, so it has no member 'x'"), InlineData("{{ ([]|max).x }}", "'the greatest item' is undefined, so it has no member 'x'")]
    [InlineData("{{ messages[0][5].x }}", "'5' is undefined, so it has no member 'x'"), InlineData("{{ {}.pop('a') }}", "'pop' would change a mapping, which templates may not")]
    [InlineData("{{ [1].sort() }}", "'sort' would change a list, which templates may not"), InlineData("{{ [1].index(2) }}", "'index' does not find its value")]
    [InlineData("{{ {}.keys(1) }}", "'keys' takes at most 0 arguments, not 1")]
    [InlineData("{% for a, b in [1] %}{% endfor %}", "cannot unpack a number into 2 names"), InlineData("{% set a, b = 'abc' %}", "cannot unpack a string into 2 names")]
    [InlineData("{% for a in 5 %}{% endfor %}", "cannot loop over a number")]
    [InlineData("{% set messages.x = 1 %}", "only members of a namespace can be set, 'messages' is a list")]
    public void Values(string template, string what) => Said(template, what);

    [Theory]
    [InlineData("{{ 5|frob }}", "the filter 'frob' is not supported"), InlineData("{{ 5|length }}", "'length' needs something to loop over, not a number")]
    [InlineData("{{ [1]|map('upper')|length }}", "'length' needs something with a length; write '| list' before it")]
    [InlineData("{{ [1]|map('upper')|last }}", "'last' cannot look back; write '| list' before it")]
    [InlineData("{{ 5|items }}", "'items' needs a mapping, not a number"), InlineData("{{ 5|dictsort }}", "'dictsort' needs a mapping, not a number")]
    [InlineData("{{ {}|dictsort(by='x') }}", "'dictsort' sorts by 'key' or 'value', not by 'x'"), InlineData("{{ {}|dictsort(by=1) }}", "'dictsort' needs a string as 'by'")]
    [InlineData("{{ 'a'|trim(1) }}", "'trim' needs a string as 'chars'"), InlineData("{{ 'a'|trim(x=1) }}", "'trim' with an argument 'x' is not supported"), InlineData("{{ 'a'|trim(1, 2) }}", "'trim' takes at most 1 arguments, not 2")]
    [InlineData("{{ 'a'|replace('a') }}", "'replace' needs its argument 'new'"), InlineData("{{ 'a'|replace(new='a') }}", "'replace' needs its argument 'old'")]
    [InlineData("{{ 'a'|replace('a', 'b', 'c') }}", "'replace' needs a whole number as 'count'")]
    [InlineData("{{ missing|int }}", "'int' needs a number, not 'missing', which is undefined"), InlineData("{{ (1e300 * 1e300)|int }}", "'int' cannot make a whole number of infinity"), InlineData("{{ 1e30|int }}", "'int' has a result beyond 64 bits")]
    [InlineData("{{ missing|float }}", "'float' needs a number, not 'missing', which is undefined")]
    [InlineData("{{ 'a'|abs }}", "'abs' needs a number, not a string"), InlineData("{{ (-9223372036854775807 - 1)|abs }}", "'abs' has a result beyond 64 bits")]
    [InlineData("{{ 'a'|round }}", "'round' needs a number, not a string"), InlineData("{{ 1.5|round('a') }}", "'round' needs a whole number as 'precision'"), InlineData("{{ 1.5|round(method=1) }}", "'round' needs a string as 'method'")]
    [InlineData("{{ 1.5|round(0, 'up') }}", "'round' does not know the method 'up'; there are common, ceil and floor"), InlineData("{{ 1e308|round(5, 'ceil') }}", "'round' cannot make a whole number of infinity or NaN")]
    [InlineData("{{ ['a']|sum }}", "'sum' cannot add a number and a string"), InlineData("{{ [9223372036854775807, 1]|sum }}", "'sum' has a result beyond 64 bits")]
    [InlineData("{{ ['a', 1]|min }}", "'min' cannot compare a number and a string")]
    [InlineData("{{ [[1]]|unique|list }}", "'unique' cannot compare a list by value, as Python cannot hash it"), InlineData("{{ [{}]|unique|list }}", "'unique' cannot compare a mapping by value, as Python cannot hash it")]
    [InlineData("{{ ['a']|map(1)|list }}", "'map' needs a string as 'filter'"), InlineData("{{ ['a']|map(attribute='x', other=1)|list }}", "'map' with an argument 'other' is not supported")]
    [InlineData("{{ ['a']|map('frob')|list }}", "the filter 'frob' is not supported"), InlineData("{{ 5|map('upper')|list }}", "'map' needs something to loop over, not a number")]
    [InlineData("{{ ['a']|select(1)|list }}", "'select' needs a string as 'test'"), InlineData("{{ ['a']|select('frob')|list }}", "the test 'frob' is not supported"), InlineData("{{ ['a']|selectattr|list }}", "'selectattr' needs its argument 'attribute'")]
    [InlineData("{{ ['a']|rejectattr|list }}", "'rejectattr' needs its argument 'attribute'"), InlineData("{{ ['a']|select(x=1)|list }}", "'select' with an argument 'x' is not supported")]
    [InlineData("{{ 'a'|indent(none) }}", "'indent' needs a whole number as 'width'")]
    [InlineData("{{ 1|tojson(separators=(1, 2)) }}", "'tojson' needs two strings as 'separators'"), InlineData("{{ 1|tojson(separators=(',',)) }}", "'tojson' needs two strings as 'separators'")]
    [InlineData("{{ range|tojson }}", "'tojson' cannot write a function"), InlineData("{{ missing|tojson }}", "'tojson' cannot write 'missing', which is undefined"), InlineData("{{ [range(2)]|tojson }}", "'tojson' cannot write a list")]
    public void Filters(string template, string what) => Said(template, what);

    [Theory]
    [InlineData("{{ 'a' is odd }}", "'odd' needs a number, not a string"), InlineData("{{ 4 is divisibleby 'a' }}", "'divisibleby' needs a number, not a string"), InlineData("{{ 4 is divisibleby 0 }}", "'divisibleby' needs a number other than 0")]
    [InlineData("{{ 4 is divisibleby }}", "'divisibleby' needs its argument 'num'"), InlineData("{{ 4 is eq }}", "'eq' needs its argument 'other'"), InlineData("{{ 4 is ne }}", "'ne' needs its argument 'other'")]
    [InlineData("{{ 4 is sameas }}", "'sameas' needs its argument 'other'"), InlineData("{{ 4 is lt }}", "'lt' needs its argument 'other'"), InlineData("{{ 4 is in }}", "'in' needs its argument 'seq'")]
    [InlineData("{{ 4 is lt 'a' }}", "'lt' cannot compare a number and a string"), InlineData("{{ 4 is frob }}", "the test 'frob' is not supported")]
    [InlineData("{{ range() }}", "'range' needs a stop"), InlineData("{{ range(1, 5, 0) }}", "'range' has a step of 0"), InlineData("{{ range(1, 2, 3, 4) }}", "'range' takes at most 3 arguments, not 4")]
    [InlineData("{{ range(100001) }}", "'range' would have 100,001 items, at most 100,000 are allowed"), InlineData("{{ range('a') }}", "'range' needs a whole number as 'stop'")]
    [InlineData("{{ range('a', 1) }}", "'range' needs a whole number as 'start'"), InlineData("{{ range(1, 2, 'a') }}", "'range' needs a whole number as 'step'"), InlineData("{{ range(stop=2) }}", "'range' with an argument 'stop' is not supported")]
    [InlineData("{{ dict(5) }}", "'dict' cannot take members from a number"), InlineData("{{ namespace('a') }}", "'namespace' cannot take members from a string")]
    [InlineData("{{ strftime_now('%q') }}", "'strftime_now' with '%q' is not supported"), InlineData("{{ strftime_now(5) }}", "'strftime_now' needs a string as 'format'"), InlineData("{{ raise_exception() }}", "'raise_exception' needs its argument 'message'")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "'m' takes at most 1 arguments, not 2"), InlineData("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "'m' with an argument 'b' is not supported")]
    public void TestsAndFunctions(string template, string what) => Said(template, what);

    [Theory]
    [InlineData("{{ 'a'.strip(1) }}", "'strip' needs a string as 'chars'"), InlineData("{{ 'a'.startswith() }}", "'startswith' needs its argument 'prefix'"), InlineData("{{ 'a'.endswith() }}", "'endswith' needs its argument 'suffix'")]
    [InlineData("{{ 'a'.startswith(1) }}", "'startswith' needs a string as 'prefix'"), InlineData("{{ 'a'.endswith(1) }}", "'endswith' needs a string as 'suffix'"), InlineData("{{ 'a'.startswith(('b', 1)) }}", "'startswith' needs strings, not a number")]
    [InlineData("{{ 'a'.removeprefix(1) }}", "'removeprefix' needs a string as 'prefix'"), InlineData("{{ 'a'.removesuffix(1) }}", "'removesuffix' needs a string as 'suffix'")]
    [InlineData("{{ 'a'.split(1) }}", "'split' needs a string as 'sep'"), InlineData("{{ 'a'.split('') }}", "'split' has an empty separator"), InlineData("{{ 'a'.rsplit('b', 'c') }}", "'rsplit' needs a whole number as 'maxsplit'"), InlineData("{{ 'a'.split('b', 1, 2) }}", "'split' takes at most 2 arguments, not 3")]
    [InlineData("{{ 'a'.partition('') }}", "'partition' has an empty separator"), InlineData("{{ 'a'.rpartition(1) }}", "'rpartition' needs a string as 'sep'")]
    [InlineData("{{ 'a'.splitlines(1) }}", "'splitlines' takes at most 0 arguments, not 1"), InlineData("{{ 'a'.upper(1) }}", "'upper' takes at most 0 arguments, not 1"), InlineData("{{ 'a'.isdigit(1) }}", "'isdigit' takes at most 0 arguments, not 1")]
    [InlineData("{{ 'a'.isupper(1) }}", "'isupper' takes at most 0 arguments, not 1"), InlineData("{{ 'a'.islower(1) }}", "'islower' takes at most 0 arguments, not 1")]
    [InlineData("{{ 'a'.replace(1, 'b') }}", "'replace' needs a string as 'old'"), InlineData("{{ 'a'.replace('b', 1) }}", "'replace' needs a string as 'new'"), InlineData("{{ 'a'.replace('b', 'c', 'd') }}", "'replace' needs a whole number as 'count'")]
    [InlineData("{{ 'a'.join() }}", "'join' needs its argument 'iterable'"), InlineData("{{ 'a'.join([1]) }}", "'join' joins strings, not a number"), InlineData("{{ 'a'.join(5) }}", "'join' needs something to loop over, not a number")]
    [InlineData("{{ 'a'.index('b') }}", "'index' does not find 'b'"), InlineData("{{ 'a'.rindex('b') }}", "'rindex' does not find 'b'"), InlineData("{{ 'a'.find(1) }}", "'find' needs a string as 'sub'"), InlineData("{{ 'a'.rfind(1) }}", "'rfind' needs a string as 'sub'"), InlineData("{{ 'a'.count(1) }}", "'count' needs a string as 'sub'")]
    public void MethodsOfTexts(string template, string what) => Said(template, what);

    [Theory]
    [InlineData("{{ }}", "an expression expected instead of '}}'"), InlineData("{{ f(*a) }}", "unpacking arguments with '*' is not supported"), InlineData("{{ f(**a) }}", "unpacking arguments with '*' is not supported")]
    [InlineData("{{ f(a=1, 2) }}", "an argument by place follows one by name"), InlineData("{{ (1 2) }}", "',' expected before '2'"), InlineData("{{ [1 2] }}", "',' expected before '2'"), InlineData("{{ {'a' 2} }}", "':' expected before '2'")]
    [InlineData("{{ f(1 2) }}", "',' expected before '2'"), InlineData("{{ a[1 2] }}", "':' expected before '2'"), InlineData("{{ a[1:2:3 4] }}", "']' expected before '4'"), InlineData("{{ a.'b' }}", "a name expected before 'b'"), InlineData("{{ 1 2 }}", "the tag should end before '2'")]
    [InlineData("{{ 1", "a tag is not closed by '}}'"), InlineData("{% if 1", "a tag is not closed by '%}'"), InlineData("{{ 1 }", "a tag is not closed by '}}'"), InlineData("{# a", "a comment is not closed by '#}'")]
    [InlineData("{{ 1 ? 2 }}", "the character '?' cannot stand in a tag"), InlineData("{{ 9223372036854775808 }}", "the number 9223372036854775808 is too large")]
    [InlineData("{{ '\\a' }}", "the escape '\\a' in a string is not supported"), InlineData("{{ '\\xg1' }}", "the escape '\\x' in a string is not supported"), InlineData("{{ '\\u12g4' }}", "the escape '\\u' in a string is not supported"), InlineData("{{ '\\07' }}", "the escape '\\0' in a string is not supported")]
    [InlineData("{% raw %}{% endraw %}", "'raw' is not supported"), InlineData("{%raw%}", "'raw' is not supported"), InlineData("{%  raw -%}", "'raw' is not supported")]
    [InlineData("{% rawish %}", "the statement 'rawish' is not supported"), InlineData("{% raw_ %}", "the statement 'raw_' is not supported"), InlineData("{% ra %}", "the statement 'ra' is not supported"), InlineData("{% include 'x' %}", "the statement 'include' is not supported")]
    [InlineData("{% endfor %}", "'endfor' without its beginning"), InlineData("{% else %}", "'else' without its beginning"), InlineData("{% elif 1 %}", "'elif' without its beginning"), InlineData("{% if 1 %}{% endfor %}", "'endfor' where 'elif' or 'else' or 'endif' should stand")]
    [InlineData("{% if 1 %}x", "the template ends before 'endif'"), InlineData("{% for a in b %}", "the template ends before 'endfor'"), InlineData("{% set a %}", "the template ends before 'endset'"), InlineData("{% macro m() %}", "the template ends before 'endmacro'"), InlineData("{% generation %}", "the template ends before 'endgeneration'")]
    [InlineData("{% for a in b recursive %}{% endfor %}", "'recursive' loops are not supported"), InlineData("{% for a of b %}", "'in' expected before 'of'"), InlineData("{% for 1 in b %}", "a name expected before '1'"), InlineData("{% for (a, b in c) %}", "')' expected before 'in'")]
    [InlineData("{% set a 1 %}", "'=' expected after the target of 'set'"), InlineData("{% set a, b %}", "'=' expected after the target of 'set'"), InlineData("{% set a.b %}", "'=' expected after the target of 'set'"), InlineData("{% set a, b.c = 1 %}", "'=' expected after the target of 'set'")]
    [InlineData("{% macro m %}", "'(' expected before '%}'"), InlineData("{% macro m(a b) %}", "',' expected before 'b'"), InlineData("{% break 1 %}", "the tag should end before '1'"), InlineData("{% generation 1 %}", "the tag should end before '1'"), InlineData("{% % %}", "a name expected before '%'")]
    public void Syntax(string template, string what) => Said(template, what);

    [Theory]
    [InlineData("{# a\nb #}\n{{ 1/0 }}", 3), InlineData("{{\n\n 1/0 }}", 3), InlineData("a\nb\r\nc\r{{ 1/0 }}", 4), InlineData("{{ 'a\nb' }}{{ 1/0 }}", 2), InlineData("{% if 1 -%}\n\n{{ 1/0 }}{% endif %}", 3), InlineData("{% if 1 %}\n{{ 1/0 }}{% endif %}", 2)]
    [InlineData("\n  {%- if 1 %}{{ 1/0 }}{% endif %}", 2), InlineData("{{ 1 -}}\n\n{{ 1/0 }}", 3)]
    public void LinesAreCountedAcrossTagsCommentsAndStrings(string template, int line) => Said(template, "division by zero", line);

    [Fact]
    public void AStringThatIsNotClosedIsToldWithTheLineWhereItBegins() => Assert.Equal("chat template: line 2: a string is not closed by \".", Refused("\n{{ \"a\nb }}"));

    [Fact]
    public void WhatTheTemplateRaisesIsItsOwnText() => Assert.Equal("chat template: the chat template refuses these messages: no system here", Refused("{{ raise_exception('no system here') }}"));

    [Theory]
    [InlineData("{{ range }}", "a function"), InlineData("{{ [1]|map('upper') }}", "a generator"), InlineData("{{ namespace() }}", "an object")]
    public void WhatHasNoTextIsNotPrinted(string template, string kind) =>
        Assert.Equal($"{kind} has no text: a template cannot print it; write '| list' behind what gives several items.", Refused(template));
}
