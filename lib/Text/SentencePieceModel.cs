using System.Buffers.Binary;
using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// The parts of a SentencePiece <c>tokenizer.model</c> that ids depend on, read from its protobuf (sentencepiece_model.proto:
/// pieces = 1, trainer_spec = 2, normalizer_spec = 3). Its own reader of the wire format: four wire types, no package.
/// </summary>
internal sealed class SentencePieceModel
{
    /// <summary>What a piece is, by the number the file uses.</summary>
    public enum Kind { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 }

    /// <summary>One entry of the vocabulary; its id is its place.</summary>
    public readonly record struct Piece(string Text, float Score, Kind Kind);

    private readonly string _file;

    private SentencePieceModel(string file) => _file = file;

    public List<Piece> Pieces { get; } = [];

    /// <summary>1 unigram, 2 BPE, 3 word, 4 char.</summary>
    public long ModelType { get; private set; } = 1;

    public bool ByteFallback { get; private set; }

    public bool BlankIsSuffix { get; private set; }

    public bool AddsDummyPrefix { get; private set; } = true;

    public bool RemovesExtraBlanks { get; private set; } = true;

    public bool EscapesBlanks { get; private set; } = true;

    public bool HasCharacterMap { get; private set; }

    public long BosId { get; private set; } = 1;

    public long EosId { get; private set; } = 2;

    /// <summary>Reads a file.</summary>
    public static SentencePieceModel Read(string file, ReadOnlySpan<byte> data)
    {
        var model = new SentencePieceModel(file);
        model.Fields(data, "the file", (field, number, bytes) =>
        {
            switch (field)
            {
                case 1: model.ReadPiece(bytes); break;
                case 2: model.ReadTrainer(bytes); break;
                case 3: model.ReadNormalizer(bytes); break;
            }
        });
        if (model.Pieces.Count == 0) throw new LabException($"{file}: holds no pieces: it is not a SentencePiece model.");
        return model;
    }

    private delegate void Field(int field, long number, ReadOnlySpan<byte> bytes);

    private void ReadPiece(ReadOnlySpan<byte> data)
    {
        string place = $"piece {Pieces.Count}", text = "";
        float score = 0;
        var kind = Kind.Normal;
        Fields(data, place, (field, number, bytes) =>
        {
            if (field == 1) text = Utf8(bytes, place);
            else if (field == 2) score = BinaryPrimitives.ReadSingleLittleEndian(bytes);
            else if (field == 3) kind = (Kind)number;
        });
        if (!Enum.IsDefined(kind)) throw new LabException($"{_file}: {place} ('{text}') is of type {(int)kind}, which is not known.");
        if (float.IsNaN(score)) throw new LabException($"{_file}: the score of {place} ('{text}') is not a number: the file is damaged: download it again.");
        Pieces.Add(new Piece(text, score, kind));
    }

    private void ReadTrainer(ReadOnlySpan<byte> data) => Fields(data, "trainer_spec", (field, number, _) =>
    {
        if (field == 3) ModelType = number;
        else if (field == 24) BlankIsSuffix = number != 0;
        else if (field == 35) ByteFallback = number != 0;
        else if (field == 41) BosId = (int)number;
        else if (field == 42) EosId = (int)number;
    });

    private void ReadNormalizer(ReadOnlySpan<byte> data) => Fields(data, "normalizer_spec", (field, number, bytes) =>
    {
        if (field == 2) HasCharacterMap = bytes.Length > 0;
        else if (field == 3) AddsDummyPrefix = number != 0;
        else if (field == 4) RemovesExtraBlanks = number != 0;
        else if (field == 5) EscapesBlanks = number != 0;
    });

    private void Fields(ReadOnlySpan<byte> data, string place, Field take)
    {
        int at = 0;
        while (at < data.Length)
        {
            long key = Varint(data, ref at, place);
            long number = 0, length = 0;
            switch (key & 7)
            {
                case 0: number = Varint(data, ref at, place); break;
                case 1: length = 8; break;
                case 2: length = Varint(data, ref at, place); break;
                case 5: length = 4; break;
                default: throw Damaged(place, at);
            }
            if (length < 0 || length > data.Length - at || key >> 3 is < 1 or > int.MaxValue) throw Damaged(place, at);
            if (place.StartsWith("piece", StringComparison.Ordinal) && (key == (2 << 3 | 2) || key == (1 << 3 | 0))) throw Damaged(place, at);
            take((int)(key >> 3), number, data.Slice(at, (int)length));
            at += (int)length;
        }
    }

    private long Varint(ReadOnlySpan<byte> data, ref int at, string place)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (at >= data.Length) throw Damaged(place, at);
            byte b = data[at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return (long)value;
        }
        throw Damaged(place, at);
    }

    private string Utf8(ReadOnlySpan<byte> bytes, string place) => System.Text.Unicode.Utf8.IsValid(bytes)
        ? Encoding.UTF8.GetString(bytes)
        : throw new LabException($"{_file}: the text of {place} is not UTF-8: the file is damaged: download it again.");

    private LabException Damaged(string place, int at) =>
        new($"{_file}: {place} breaks off or is no protobuf at its byte {at:N0}: the download is incomplete: fetch the file again.");
}
