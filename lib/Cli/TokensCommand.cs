using System.CommandLine;
using HeadKvLab.Text;

namespace HeadKvLab.Cli;

/// <summary><c>lab tokens</c>: a text's token ids, exactly as the model sees them.</summary>
internal static class TokensCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var model = Options.NeededModel("Model folder, or a tokenizer.json, tokenizer.model or .tiktoken file.");
        var text = new FreeTextOption("--text") { Description = "The text." };
        var file = new Option<string?>("--file") { Description = "A UTF-8 file that holds the text, byte for byte (a final line break counts)." };
        var json = Options.Json("Print one line {\"ids\":[...]} instead of a line for each token.");
        var plain = new Option<bool>("--no-special") { Description = "Leave out BOS and EOS." };
        var command = new Command("tokens",
            """
            Prints the token ids of a text, one "id<TAB>token" a line, the token as the tokenizer writes it (Ġ or ▁ for a blank).

            Special tokens written in the text (<|eot_id|>, [INST]) become their ids.
            Ids are those of the model's own tokenizer; a part of the tokenizer that cannot be done exactly is refused.

            Examples:
              lab tokens --model data/models/world-4m --text "Anna likes tea."
              lab tokens --model Meta-Llama-3-8B-Instruct --file prompt.txt --json
            """) { model, text, file, json, plain };
        command.SetAction(parse =>
        {
            TextTokenizer tokenizer = TextTokenizer.Load(parse.GetValue(model)!);
            int[] ids = tokenizer.Encode(TextInput.Read(parse.GetValue(text), parse.GetValue(file), "--text", "--file"), addSpecial: !parse.GetValue(plain));
            if (parse.GetValue(json))
            {
                Console.WriteLine($"{{\"ids\":[{string.Join(',', ids)}]}}");
                return;
            }
            foreach (int id in ids)
                Console.WriteLine($"{id}\t{tokenizer.TokenText(id)}");
        });
        return command;
    }
}
