namespace HeadKvLab.Evaluation.Metrics;

/// <summary>Porter's stemmer (Porter 1980) with the changes that NLTK calls its extensions, which <c>rouge-score</c> uses. Lower-case ASCII words.</summary>
internal static class PorterStemmer
{
    private static readonly Dictionary<string, string> Irregular = new(StringComparer.Ordinal)
    {
        ["sky"] = "sky", ["skies"] = "sky", ["dying"] = "die", ["lying"] = "lie", ["tying"] = "tie", ["news"] = "news", ["innings"] = "inning", ["inning"] = "inning",
        ["outings"] = "outing", ["outing"] = "outing", ["cannings"] = "canning", ["canning"] = "canning", ["howe"] = "howe", ["proceed"] = "proceed", ["exceed"] = "exceed", ["succeed"] = "succeed",
    };

    private static readonly (string Suffix, string By)[] Step2 =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"),
        ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
    ];

    private static readonly (string Suffix, string By)[] Step3 = [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

    private static readonly string[] Step4 =
        ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"];

    internal static string Stem(string word)
    {
        if (Irregular.TryGetValue(word, out var stem)) return stem;
        if (word.Length <= 2) return word;
        return Step5b(Step5a(FourthStep(ThirdStep(SecondStep(Step1c(Step1b(Step1a(word))))))));
    }

    private static string Step1a(string word)
    {
        if (word.EndsWith("ies", StringComparison.Ordinal) && word.Length == 4) return word[..^3] + "ie";
        if (word.EndsWith("sses", StringComparison.Ordinal)) return word[..^2];
        if (word.EndsWith("ies", StringComparison.Ordinal)) return word[..^2];
        return word.EndsWith('s') && !word.EndsWith("ss", StringComparison.Ordinal) ? word[..^1] : word;
    }

    private static string Step1b(string word)
    {
        if (word.EndsWith("ied", StringComparison.Ordinal)) return word[..^3] + (word.Length == 4 ? "ie" : "i");
        if (word.EndsWith("eed", StringComparison.Ordinal)) return Measure(word[..^3]) > 0 ? word[..^1] : word;
        foreach (var suffix in (string[])["ed", "ing"])
        {
            if (!word.EndsWith(suffix, StringComparison.Ordinal) || !HasVowel(word[..^suffix.Length])) continue;
            var stem = word[..^suffix.Length];
            if (stem.EndsWith("at", StringComparison.Ordinal) || stem.EndsWith("bl", StringComparison.Ordinal) || stem.EndsWith("iz", StringComparison.Ordinal)) return stem + "e";
            if (DoubleConsonant(stem)) return stem[^1] is 'l' or 's' or 'z' ? stem : stem[..^1];
            return Measure(stem) == 1 && EndsShort(stem) ? stem + "e" : stem;
        }
        return word;
    }

    private static string Step1c(string word) =>
        word.EndsWith('y') && word.Length > 2 && IsConsonant(word, word.Length - 2) ? word[..^1] + "i" : word;

    private static string SecondStep(string word)
    {
        if (word.EndsWith("alli", StringComparison.Ordinal) && Measure(word[..^4]) > 0) return SecondStep(word[..^4] + "al");
        if (word.EndsWith("fulli", StringComparison.Ordinal) && Measure(word[..^5]) > 0) return word[..^5] + "ful";
        if (word.EndsWith("logi", StringComparison.Ordinal) && !Step2.Any(rule => word.EndsWith(rule.Suffix, StringComparison.Ordinal))) return Measure(word[..^3]) > 0 ? word[..^1] : word;
        return Replace(word, Step2);
    }

    private static string ThirdStep(string word) => Replace(word, Step3);

    private static string FourthStep(string word)
    {
        foreach (var suffix in Step4)
        {
            if (!word.EndsWith(suffix, StringComparison.Ordinal)) continue;
            var stem = word[..^suffix.Length];
            return Measure(stem) > 1 && (suffix != "ion" || stem[^1] is 's' or 't') ? stem : word;
        }
        return word;
    }

    private static string Step5a(string word)
    {
        if (!word.EndsWith('e')) return word;
        var stem = word[..^1];
        return Measure(stem) > 1 || (Measure(stem) == 1 && !EndsShort(stem)) ? stem : word;
    }

    private static string Step5b(string word) => word.EndsWith("ll", StringComparison.Ordinal) && Measure(word[..^1]) > 1 ? word[..^1] : word;

    /// <summary>The first rule whose suffix fits decides, whether or not its stem is long enough.</summary>
    private static string Replace(string word, (string Suffix, string By)[] rules)
    {
        foreach (var (suffix, by) in rules)
            if (word.EndsWith(suffix, StringComparison.Ordinal)) return Measure(word[..^suffix.Length]) > 0 ? word[..^suffix.Length] + by : word;
        return word;
    }

    private static bool IsConsonant(string word, int i) => word[i] is not ('a' or 'e' or 'i' or 'o' or 'u') && (word[i] != 'y' || i == 0 || !IsConsonant(word, i - 1));

    /// <summary>How often a consonant follows a vowel.</summary>
    private static int Measure(string stem) => Enumerable.Range(0, stem.Length).Count(i => i > 0 && IsConsonant(stem, i) && !IsConsonant(stem, i - 1));

    private static bool HasVowel(string stem) => Enumerable.Range(0, stem.Length).Any(i => !IsConsonant(stem, i));

    private static bool DoubleConsonant(string stem) => stem.Length >= 2 && stem[^1] == stem[^2] && IsConsonant(stem, stem.Length - 1);

    /// <summary>Consonant, vowel, consonant other than w, x, y; in a word of two letters, vowel and consonant.</summary>
    private static bool EndsShort(string stem) =>
        stem.Length >= 3 && IsConsonant(stem, stem.Length - 3) && !IsConsonant(stem, stem.Length - 2) && IsConsonant(stem, stem.Length - 1) && stem[^1] is not ('w' or 'x' or 'y')
        || stem.Length == 2 && !IsConsonant(stem, 0) && IsConsonant(stem, 1);
}
