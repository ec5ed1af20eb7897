using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

/// <summary>Keys of generation_config.json beyond temperature, top-k and top-p: computed with Hugging Face's rules, or refused by name; none is passed over.</summary>
public sealed class GenerationSettingsTests : IDisposable
{
    private readonly TestFiles files = new();

    private static readonly ModelConfig Model = ModelConfig.Parse("""{"architectures":["LlamaForCausalLM"],"vocab_size":16,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":2,"num_attention_heads":4,"eos_token_id":2}"""u8.ToArray());

    public void Dispose() => files.Dispose();

    private GenerationConfig Read(string json)
    {
        files.Write("generation_config.json", json);
        return GenerationConfig.Load(files.Folder, Model);
    }

    /// <summary>Tokens that can be drawn: 0 to 3 have the shares 1, 2, 5 and 8 sixteenths of the whole.</summary>
    private int[] Drawable(string settings)
    {
        float[] logits = [0, MathF.Log(2), MathF.Log(5), MathF.Log(8)];
        var config = Read("{\"do_sample\":true," + settings + "}");
        var sampler = new Sampler(settings.Contains("top_k", StringComparison.Ordinal) ? config : config with { TopK = 0 });
        return [.. Enumerable.Range(0, 2000).Select(_ => sampler.Next(logits)).Distinct().Order()];
    }

    [Theory]
    [InlineData("\"min_p\":null", new[] { 0, 1, 2, 3 })]
    [InlineData("\"min_p\":0.12", new[] { 0, 1, 2, 3 })]             // 1/8 of the likeliest
    [InlineData("\"min_p\":0.13", new[] { 1, 2, 3 })]
    [InlineData("\"min_p\":0.26", new[] { 2, 3 })]
    [InlineData("\"min_p\":1", new[] { 3 })]
    [InlineData("\"min_p\":0.26,\"temperature\":2", new[] { 0, 1, 2, 3 })]   // the square root: 0.35, 0.5, 0.79
    [InlineData("\"epsilon_cutoff\":0.06", new[] { 0, 1, 2, 3 })]    // 1/16 = 0.0625
    [InlineData("\"epsilon_cutoff\":0.07", new[] { 1, 2, 3 })]
    [InlineData("\"epsilon_cutoff\":0.9", new[] { 3 })]              // the likeliest stays
    [InlineData("\"eta_cutoff\":0.04", new[] { 0, 1, 2, 3 })]        // min(0.04, 0.2 * 0.324)
    [InlineData("\"eta_cutoff\":0.07", new[] { 1, 2, 3 })]           // min(0.07, 0.265 * 0.324 = 0.0857) is above 1/16
    [InlineData("\"eta_cutoff\":0.2", new[] { 2, 3 })]               // min(0.2, 0.447 * 0.324 = 0.145) is above 2/16
    [InlineData("\"eta_cutoff\":0.35", new[] { 2, 3 })]              // min(0.35, 0.592 * 0.324 = 0.192) is below 5/16
    [InlineData("\"eta_cutoff\":0.3,\"temperature\":2", new[] { 1, 2, 3 })] // shares 0.134, 0.189, 0.299, 0.378, entropy 1.313: min(0.3, 0.548 * 0.269 = 0.147)
    [InlineData("\"top_k\":2,\"typical_p\":0.5", new[] { 3 })]     // 5/13 and 8/13, entropy 0.666: information 0.956 and 0.486, the latter is nearer and reaches 0.5
    [InlineData("\"typical_p\":1", new[] { 0, 1, 2, 3 })]
    [InlineData("\"typical_p\":0.3", new[] { 2 })]                   // entropy 1.127; information 2.77, 2.08, 1.163, 0.693: token 2 is nearest
    [InlineData("\"typical_p\":0.32", new[] { 2, 3 })]               // its 5/16 do not reach it; next is 3 (0.434 away)
    [InlineData("\"typical_p\":0.82", new[] { 1, 2, 3 })]
    [InlineData("\"top_k\":3,\"typical_p\":0.3", new[] { 2 })]
    [InlineData("\"top_p\":0.7,\"epsilon_cutoff\":0.4", new[] { 3 })] // of 2 and 3: 5/13 and 8/13
    [InlineData("\"top_p\":0.7,\"epsilon_cutoff\":0.38", new[] { 2, 3 })]
    public void CutsOfTheTail(string settings, int[] drawable) => Assert.Equal(drawable, Drawable(settings));

    /// <summary>After a cut the shares are those of what is left: of 5 and 8, five thirteenths.</summary>
    [Fact]
    public void WhatIsLeftKeepsItsShares()
    {
        foreach (var cut in new[] { "\"min_p\":0.3", "\"typical_p\":0.5", "\"epsilon_cutoff\":0.2", "\"eta_cutoff\":0.2" })
        {
            var sampler = new Sampler(Read("{\"do_sample\":true,\"top_k\":0," + cut + "}"));
            float[] logits = [0, MathF.Log(2), MathF.Log(5), MathF.Log(8)];
            Assert.Equal(5 / 13.0, Enumerable.Range(0, 20_000).Count(_ => sampler.Next(logits) == 2) / 20_000.0, 0.012);
        }
    }

    /// <summary>
    /// Shares of 1, 1 and 8 tenths: entropy 0.639, information 2.303 twice and 0.223. The likeliest is the most typical; of the others, equally typical, one would
    /// reach 0.85, and both stay with their shares.
    /// </summary>
    [Fact]
    public void WhatIsAsTypicalAsTheLastStaysToo()
    {
        var sampler = new Sampler(Read("""{"do_sample":true,"top_k":0,"typical_p":0.85}"""));
        int[] draws = [.. Enumerable.Range(0, 20_000).Select(_ => sampler.Next([0, 0, MathF.Log(8)]))];
        foreach (var id in (int[])[0, 1]) Assert.Equal(0.1, draws.Count(d => d == id) / 20_000.0, 0.01);
    }

    /// <summary>Greedy texts of 6 tokens after the prompt 1 2 3 from constant logits that fall with the id from 15 down.</summary>
    [Theory]
    [InlineData("", "15 15 15 15 15 15")]
    [InlineData("\"no_repeat_ngram_size\":1", "15 14 13 12 11 10")]
    [InlineData("\"no_repeat_ngram_size\":2", "15 15 14 15 13 15")]
    [InlineData("\"no_repeat_ngram_size\":3", "15 15 15 14 15 15")]
    [InlineData("\"bad_words_ids\":[[15]]", "14 14 14 14 14 14")]
    [InlineData("\"bad_words_ids\":[[15,15]]", "15 14 15 14 15 14")]
    [InlineData("\"bad_words_ids\":[[15,14,15],[15,15]]", "15 14 14 15 14 14")]
    [InlineData("\"bad_words_ids\":[[3,15]]", "14 15 15 15 15 15")]             // the prompt counts
    [InlineData("\"bad_words_ids\":[[2,3,15]]", "14 15 15 15 15 15")]           // as long as the text so far
    [InlineData("\"bad_words_ids\":[[0,1,2,3,15]]", "15 15 15 15 15 15")]       // longer than the text so far
    [InlineData("\"bad_words_ids\":[[15],[14]],\"eos_token_id\":15", "15 15 15 15 15 15")]   // a stop id alone is no bad word
    [InlineData("\"suppress_tokens\":[15,13]", "14 14 14 14 14 14")]
    [InlineData("\"begin_suppress_tokens\":[15,14]", "13 15 15 15 15 15")]
    [InlineData("\"min_new_tokens\":2,\"eos_token_id\":[15,14]", "13 13 15 15 15 15")]
    [InlineData("\"min_length\":5,\"eos_token_id\":15", "14 14 15 15 15 15")]   // 3 are the prompt's
    [InlineData("\"min_length\":3,\"eos_token_id\":15", "15 15 15 15 15 15")]
    public void TokensRuledOut(string settings, string text)
    {
        var sampler = new Sampler(Read("{" + settings + "}"), [1, 2, 3]);
        float[] logits = [.. Enumerable.Range(0, 16).Select(id => (float)id)];
        Assert.Equal(text, string.Join(' ', Enumerable.Range(0, 6).Select(_ => sampler.Next(logits))));
    }

    /// <summary>An n-gram of the prompt is not repeated either, and drawing obeys as greedy choice does.</summary>
    [Fact]
    public void RulesHoldForThePromptAndWhenDrawing()
    {
        float[] logits = [.. Enumerable.Range(0, 16).Select(id => (float)id)];
        Assert.Equal(14, new Sampler(Read("""{"no_repeat_ngram_size":3}"""), [7, 8, 15, 7, 8]).Next(logits));
        Assert.Equal(15, new Sampler(Read("""{"no_repeat_ngram_size":4}"""), [7, 8, 15, 7, 8]).Next(logits));
        Assert.Equal(14, new Sampler(Read("""{"no_repeat_ngram_size":3}"""), [15, 15, 15]).Next(logits));
        foreach (var size in (int[])[3, 4, 9]) Assert.Equal(15, new Sampler(Read($"{{\"no_repeat_ngram_size\":{size}}}"), [7, 8]).Next(logits));
        var drawn = Enumerable.Range(0, 300).Select(seed => new Sampler(Read("""{"do_sample":true,"suppress_tokens":[15,14],"temperature":2}""") with { Seed = seed }).Next(logits)).ToArray();
        Assert.Equal(13, drawn.Max());
        Assert.Contains(12, drawn);
        Assert.Equal(1, new Sampler(new GenerationConfig { SuppressIds = [3, 2, -1] }).Next([1, 2, 3]));   // 3 is beyond the logits
        Assert.Contains("they rule out every token", Assert.Throws<LabException>(() => new Sampler(new GenerationConfig { SuppressIds = [0, 1] }).Next([1, 2])).Message);
    }

    [Theory]
    [InlineData("\"num_beams\":4")]
    [InlineData("\"num_beam_groups\":2")]
    [InlineData("\"num_return_sequences\":2")]
    [InlineData("\"penalty_alpha\":0.6")]
    [InlineData("\"dola_layers\":\"high\"")]
    [InlineData("\"constraints\":[1]")]
    [InlineData("\"force_words_ids\":[[1]]")]
    [InlineData("\"guidance_scale\":1.5")]
    [InlineData("\"sequence_bias\":[[[3],-1.0]]")]
    [InlineData("\"encoder_repetition_penalty\":1.2")]
    [InlineData("\"encoder_no_repeat_ngram_size\":2")]
    [InlineData("\"forced_bos_token_id\":0")]
    [InlineData("\"forced_eos_token_id\":0")]
    [InlineData("\"forced_decoder_ids\":[[1,5]]")]
    [InlineData("\"exponential_decay_length_penalty\":[5,1.1]")]
    [InlineData("\"watermarking_config\":{\"bias\":2.5}")]
    [InlineData("\"stop_strings\":[\"###\"]")]
    [InlineData("\"stop_strings\":\"###\"")]
    [InlineData("\"max_time\":1.0")]
    [InlineData("\"token_healing\":true")]
    [InlineData("\"cache_implementation\":\"quantized\"")]
    public void WhatIsNotComputedIsRefusedByName(string setting)
    {
        var config = Read("{" + setting + "}");   // read without complaint: evaluations take nothing but the stop ids
        var message = Assert.Throws<LabException>(() => new Sampler(config)).Message;
        Assert.StartsWith(files.Path("generation_config.json") + ": '" + setting[1..setting.IndexOf('"', 1)] + "' is " + setting[(setting.IndexOf(':') + 1)..], message);
        Assert.Contains("this lab does not compute it; remove the key", message);
    }

    [Fact]
    public void WhatChangesNothingIsRead()
    {
        var config = Read("""
            {"num_beams":1,"num_beam_groups":1,"num_return_sequences":1,"penalty_alpha":0,"guidance_scale":1.0,"sequence_bias":null,"encoder_repetition_penalty":1.0,"encoder_no_repeat_ngram_size":0,
             "forced_bos_token_id":null,"stop_strings":[],"token_healing":false,"cache_implementation":"static","use_cache":true,"length_penalty":2.0,"early_stopping":true,"renormalize_logits":true,
             "typical_p":1.0,"bad_words_ids":null,"suppress_tokens":null,"no_repeat_ngram_size":0,"min_length":0,"min_p":null,"top_k":null,"temperature":null,"pad_token_id":0,"transformers_version":"5.0.0"}
            """);
        Assert.Equal(1, new Sampler(config).Next([0, 1]));
        Assert.Equal((50, 1.0, 0.0), (config.TopK, config.Temperature, config.MinP));
        Assert.Equal((1.0, 1.25), (config.RepetitionPenalty, Read("""{"repetition_penalty":1.25}""").RepetitionPenalty));
    }

    /// <summary>transformers: "`temperature` has to be a strictly positive float"; for greedy decoding it wants do_sample to be false.</summary>
    [Fact]
    public void NothingIsDrawnAtTemperatureZero()
    {
        var config = Read("""{"do_sample":true,"temperature":0.0}""");
        var message = Assert.Throws<LabException>(() => new Sampler(config)).Message;
        Assert.Contains("temperature is 0 while do_sample is true", message);
        Assert.Contains("set do_sample to false in generation_config.json", message);
        Assert.Equal(1, new Sampler(config with { Sample = false }).Next([0, 1]));
        Assert.Equal(1, new Sampler(Read("""{"do_sample":false,"temperature":0.0}""")).Next([0, 1]));
    }

    /// <summary>top_h shapes the distribution only when tokens are drawn from it.</summary>
    [Fact]
    public void WhatCountsWhenDrawingIsRefusedThen()
    {
        var config = Read("""{"top_h":0.4}""");
        Assert.Equal(1, new Sampler(config).Next([0, 1]));
        Assert.Contains("'top_h' is 0.4", Assert.Throws<LabException>(() => new Sampler(config with { Sample = true })).Message);
    }

    [Theory]
    [InlineData("\"min_p\":1.5", "min_p is 1.5")]
    [InlineData("\"typical_p\":0", "typical_p is 0")]
    [InlineData("\"epsilon_cutoff\":-0.1", "epsilon_cutoff is -0.1")]
    [InlineData("\"eta_cutoff\":1", "eta_cutoff is 1")]
    [InlineData("\"no_repeat_ngram_size\":-1", "'no_repeat_ngram_size' is -1")]
    [InlineData("\"bad_words_ids\":[[]]", "'bad_words_ids[0]' is [] where an array of token ids is expected")]
    [InlineData("\"bad_words_ids\":[3]", "'bad_words_ids[0]' is 3 where an array of token ids is expected")]
    [InlineData("\"bad_words_ids\":[[16]]", "'bad_words_ids[0][0]' names token 16, beyond the vocabulary of 16")]
    [InlineData("\"suppress_tokens\":[16]", "'suppress_tokens[0]' names token 16, beyond the vocabulary of 16")]
    public void RefusesImpossibleValues(string setting, string named) =>
        Assert.StartsWith(files.Path("generation_config.json") + ": " + named, Assert.Throws<LabException>(() => Read("{" + setting + "}")).Message);

    /// <summary>max_length counts the prompt too; max_new_tokens beside it takes its place.</summary>
    [Fact]
    public void TheLengthCountsThePromptWhereTheFileSaysSo()
    {
        Assert.Equal(128, Read("{}").Room(5));
        Assert.Equal(1, (Read("{}") with { MaxNewTokens = 1 }).Checked("").Room(5));
        Assert.Equal("here: new tokens is 0; it must be 1 or more", Assert.Throws<LabException>(() => (Read("{}") with { MaxNewTokens = 0 }).Checked("here")).Message);
        Assert.Equal(15, Read("""{"max_length":20}""").Room(5));
        Assert.Equal(3995, Read("""{"max_length":4000}""").Room(5));
        Assert.Equal(7, (Read("""{"max_length":20}""") with { MaxNewTokens = 7 }).Room(5));
        Assert.Equal(30, Read("""{"max_length":20,"max_new_tokens":30}""").Room(25));
        Assert.Equal("prompt: its 20 tokens leave no room below the max_length of 20 in generation_config.json; shorten it or give --max-new-tokens", Assert.Throws<LabException>(() => Read("""{"max_length":20}""").Room(20)).Message);
    }
}
