using System.Net;
using System.Text.RegularExpressions;

namespace HeadKvLab.Notebook.Headless;

/// <summary>Formulas of markdown cells ($...$ and $$...$$) as MathML, which browsers draw without a script or a network.</summary>
internal static partial class TexMath
{
    /// <summary>Replaces the elements that the markdown reader makes of formulas.</summary>
    internal static string Replace(string html) => Formula().Replace(html, match =>
    {
        var tex = WebUtility.HtmlDecode(match.Groups["tex"].Value).Trim();
        return TexToMathMl.Convert(tex, block: match.Groups["open"].Value == "[");
    });

    [GeneratedRegex("""<(?<tag>span|div) class="math">\s*\\(?<open>[(\[])(?<tex>.*?)\\[)\]]\s*</\k<tag>>""", RegexOptions.Singleline)]
    private static partial Regex Formula();
}
