using System.Net;
using System.Text;

namespace HeadKvLab.Notebook.Headless;

/// <summary>
/// The part of TeX that formulas in notebooks use, as MathML: scripts, fractions, roots, Greek letters, operators, named functions,
/// text, brackets and accents. A command it does not know is shown by its name.
/// </summary>
internal sealed class TexToMathMl
{
    static readonly Dictionary<string, string> Symbols = new()
    {
        ["alpha"] = "α", ["beta"] = "β", ["gamma"] = "γ", ["delta"] = "δ", ["epsilon"] = "ϵ", ["varepsilon"] = "ε", ["zeta"] = "ζ", ["eta"] = "η",
        ["theta"] = "θ", ["iota"] = "ι", ["kappa"] = "κ", ["lambda"] = "λ", ["mu"] = "μ", ["nu"] = "ν", ["xi"] = "ξ", ["pi"] = "π", ["rho"] = "ρ",
        ["sigma"] = "σ", ["tau"] = "τ", ["phi"] = "ϕ", ["varphi"] = "φ", ["chi"] = "χ", ["psi"] = "ψ", ["omega"] = "ω", ["Gamma"] = "Γ",
        ["Delta"] = "Δ", ["Theta"] = "Θ", ["Lambda"] = "Λ", ["Pi"] = "Π", ["Sigma"] = "Σ", ["Phi"] = "Φ", ["Psi"] = "Ψ", ["Omega"] = "Ω",
        ["ell"] = "ℓ", ["infty"] = "∞", ["partial"] = "∂", ["nabla"] = "∇", ["emptyset"] = "∅", ["hbar"] = "ℏ",
    };

    static readonly Dictionary<string, string> Operators = new()
    {
        ["cdot"] = "⋅", ["times"] = "×", ["pm"] = "±", ["le"] = "≤", ["leq"] = "≤", ["ge"] = "≥", ["geq"] = "≥", ["ne"] = "≠", ["neq"] = "≠",
        ["approx"] = "≈", ["sim"] = "∼", ["propto"] = "∝", ["equiv"] = "≡", ["in"] = "∈", ["notin"] = "∉", ["subset"] = "⊂", ["subseteq"] = "⊆",
        ["cup"] = "∪", ["cap"] = "∩", ["to"] = "→", ["rightarrow"] = "→", ["leftarrow"] = "←", ["Rightarrow"] = "⇒", ["mapsto"] = "↦",
        ["sum"] = "∑", ["prod"] = "∏", ["int"] = "∫", ["ldots"] = "…", ["dots"] = "…", ["cdots"] = "⋯", ["mid"] = "∣", ["top"] = "⊤", ["ll"] = "≪",
        ["gg"] = "≫", ["lfloor"] = "⌊", ["rfloor"] = "⌋", ["lceil"] = "⌈", ["rceil"] = "⌉", ["langle"] = "⟨", ["rangle"] = "⟩", ["forall"] = "∀",
        ["exists"] = "∃", ["circ"] = "∘", ["odot"] = "⊙", ["oplus"] = "⊕", ["otimes"] = "⊗", ["lVert"] = "‖", ["rVert"] = "‖", ["|"] = "‖",
        ["{"] = "{", ["}"] = "}", ["%"] = "%", ["_"] = "_", ["&"] = "&", ["#"] = "#", ["$"] = "$", ["div"] = "÷", ["ast"] = "∗", ["star"] = "⋆",
    };

    static readonly HashSet<string> Functions =
        ["log", "ln", "exp", "sin", "cos", "tan", "max", "min", "arg", "lim", "sup", "inf", "softmax", "det", "dim", "Pr"];

    static readonly Dictionary<string, string> Accents = new() { ["hat"] = "^", ["bar"] = "¯", ["tilde"] = "~", ["vec"] = "→", ["dot"] = "˙", ["overline"] = "¯" };

    readonly string tex;
    int at;

    TexToMathMl(string tex) => this.tex = tex;

    internal static string Convert(string tex, bool block) =>
        $"<math display=\"{(block ? "block" : "inline")}\"><mrow>{new TexToMathMl(tex).Row(null)}</mrow></math>";

    string Row(char? until)
    {
        var row = new StringBuilder();
        while (at < tex.Length && tex[at] != until)
        {
            row.Append(WithScripts(Atom()));
        }
        at++;
        return row.ToString();
    }

    string WithScripts(string atom)
    {
        string? below = null, above = null;
        while (Skip() && (tex[at] is '_' or '^' or '\''))
        {
            switch (tex[at++])
            {
                case '_':
                    below = Argument();
                    break;
                case '^':
                    above = Argument();
                    break;
                default:
                    above += "<mo>′</mo>";
                    break;
            }
        }
        var limits = atom.Contains('∑', StringComparison.Ordinal) || atom.Contains('∏', StringComparison.Ordinal)
            || atom is "<mi>max</mi>" or "<mi>min</mi>" or "<mi>lim</mi>" or "<mi>arg max</mi>";
        return (below, above) switch
        {
            (null, null) => atom,
            (not null, null) => Element(limits ? "munder" : "msub", atom, below),
            (null, not null) => Element("msup", atom, above),
            _ => Element(limits ? "munderover" : "msubsup", atom, below, above),
        };
    }

    string Argument()
    {
        Skip();
        return at < tex.Length ? Atom() : "<mrow></mrow>";
    }

    string Atom()
    {
        if (!Skip())
        {
            return "";
        }
        var c = tex[at++];
        if (c == '{')
        {
            return $"<mrow>{Row('}')}</mrow>";
        }
        if (c == '\\')
        {
            return Command();
        }
        if (char.IsAsciiDigit(c))
        {
            var start = at - 1;
            while (at < tex.Length && (char.IsAsciiDigit(tex[at]) || (tex[at] == '.' && at + 1 < tex.Length && char.IsAsciiDigit(tex[at + 1]))))
            {
                at++;
            }
            return $"<mn>{tex[start..at]}</mn>";
        }
        return char.IsLetter(c) ? $"<mi>{c}</mi>" : c is '&' or '~' ? "<mspace width=\"0.5em\"></mspace>" : $"<mo>{Escape(c == '-' ? "−" : c.ToString())}</mo>";
    }

    string Command()
    {
        var start = at;
        while (at < tex.Length && char.IsAsciiLetter(tex[at]))
        {
            at++;
        }
        if (at == start && at < tex.Length)
        {
            at++;
        }
        var name = tex[start..at];
        return name switch
        {
            "frac" or "tfrac" or "dfrac" => Element("mfrac", Argument(), Argument()),
            "sqrt" => Element("msqrt", Argument()),
            "text" or "mathrm" or "textbf" or "operatorname" or "textit" or "texttt" or "mathtt" => $"<mtext>{Escape(RawArgument())}</mtext>",
            "mathbf" or "boldsymbol" or "mathbb" or "mathcal" or "mathit" => $"<mi mathvariant=\"normal\">{Escape(RawArgument())}</mi>",
            "left" or "right" or "big" or "Big" or "bigl" or "bigr" or "Bigl" or "Bigr" => Skip() && tex[at] == '.' ? RawArgument()[..0] : "",
            "," or ";" or ":" or " " or "!" => "<mspace width=\"0.2em\"></mspace>",
            "quad" or "qquad" => "<mspace width=\"1em\"></mspace>",
            "\\" => "<mspace linebreak=\"newline\"></mspace>",
            "begin" or "end" => RawArgument()[..0],
            "argmax" => "<mi>arg max</mi>",
            _ when Symbols.TryGetValue(name, out var symbol) => $"<mi>{symbol}</mi>",
            _ when Operators.TryGetValue(name, out var sign) => $"<mo>{Escape(sign)}</mo>",
            _ when Functions.Contains(name) => $"<mi>{name}</mi>",
            _ when Accents.TryGetValue(name, out var accent) => Element("mover", Argument(), $"<mo>{accent}</mo>"),
            _ => $"<mtext>{Escape(name)}</mtext>",
        };
    }

    /// <summary>The text of a braced argument, without reading commands in it.</summary>
    string RawArgument()
    {
        Skip();
        if (at >= tex.Length || tex[at] != '{')
        {
            return at < tex.Length ? tex[at++].ToString() : "";
        }
        var end = tex.IndexOf('}', at);
        end = end < 0 ? tex.Length : end;
        var text = tex[(at + 1)..end];
        at = end + 1;
        return text;
    }

    bool Skip()
    {
        while (at < tex.Length && char.IsWhiteSpace(tex[at]))
        {
            at++;
        }
        return at < tex.Length;
    }

    static string Element(string name, params string[] children) => $"<{name}>{string.Concat(children.Select(child => $"<mrow>{child}</mrow>"))}</{name}>";

    static string Escape(string text) => WebUtility.HtmlEncode(text);
}
