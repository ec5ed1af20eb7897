#if STANDIN
using System.Reflection;
using Microsoft.ML.Tokenizers;

namespace HeadKvLab.Tests.StandIns;

/// <summary>The stand-in of Microsoft.ML.Tokenizers offers nothing the package does not.</summary>
public sealed class TokenizersTests
{
    [Fact]
    public void ThePublicSurfaceIsASubsetOfThePackages()
    {
        // Signatures of the package, as its public surface lists them.
        string[] package =
        [
            "BpeOptions(IEnumerable`1 vocabulary)", "BpeOptions.Merges : IEnumerable`1",
            "BpeTokenizer.Create(BpeOptions options) : BpeTokenizer",
            "EncodeToIds(String text, Boolean considerPreTokenization = True, Boolean considerNormalization = True) : IReadOnlyList`1",
            "EncodeToIds(ReadOnlySpan`1 text, Boolean considerPreTokenization = True, Boolean considerNormalization = True) : IReadOnlyList`1",
            "Decode(IEnumerable`1 ids) : String",
        ];
        Assert.Equal(["BpeOptions", "BpeTokenizer", "Tokenizer"], typeof(BpeTokenizer).Assembly.GetExportedTypes().Select(t => t.FullName!.Split('.')[^1]).Order());
        const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (Type type in typeof(BpeTokenizer).Assembly.GetExportedTypes())
        {
            foreach (ConstructorInfo one in type.GetConstructors()) Assert.Contains($"{type.Name}({Parameters(one)})", package);
            foreach (PropertyInfo one in type.GetProperties(Own)) Assert.Contains($"{type.Name}.{one.Name} : {one.PropertyType.Name}", package);
            foreach (MethodInfo one in type.GetMethods(Own).Where(m => !m.IsSpecialName))
                Assert.Contains($"{(one.IsStatic ? type.Name + "." : "")}{one.Name}({Parameters(one)}) : {one.ReturnType.Name}", package);
        }

        static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters()
            .Select(p => $"{p.ParameterType.Name} {p.Name}{(p.HasDefaultValue ? $" = {p.DefaultValue}" : "")}"));
    }

    [Fact]
    public void MergeRulesOverUnknownTokensThrowAsThePackageDoes() => Assert.Throws<InvalidOperationException>(() =>
        BpeTokenizer.Create(new BpeOptions(new Dictionary<string, int> { ["a"] = 0 }) { Merges = ["a b"] }));

    [Fact]
    public void CharactersOutsideTheVocabularyAreDroppedAndTheRestIsMerged()
    {
        var vocabulary = new Dictionary<string, int> { ["Ġ"] = 0, ["a"] = 1, ["Ġa"] = 2, ["Ã"] = 3, ["©"] = 4 };
        BpeTokenizer tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = ["Ġ a"] });
        Assert.Equal([2, 3, 4, 1], tokenizer.EncodeToIds("ĠaÃ©za", considerPreTokenization: false));     // z is in no vocabulary
        Assert.Equal("ĠaÃ©a", tokenizer.Decode([2, 3, 4, 1, 99]));
    }
}
#endif
