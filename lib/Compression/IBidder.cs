using HeadKvLab.Cache;
using HeadKvLab.Compression.Bidders;

namespace HeadKvLab.Compression;

/// <summary>
/// How much each head may keep where all heads of the model compete. For every head of a layer it offers steps, each some entries more at a price, and the one
/// <see cref="Waterline"/> over the model buys the dearest. Which entries a head keeps of its number is the scorer's to say.
/// </summary>
public interface IBidder : IShare
{
    /// <summary>The price above which the published form buys, whatever the budget is; null where it buys until the budget is spent.</summary>
    double? PublishedPrice => null;

    /// <summary>Entries that the published form stores together: <c>as-published</c> rounds the budget up to a multiple and buys steps whole or not at all.</summary>
    int Block => 1;

    /// <summary>How many last tokens the published form protects of a window, at least 1.</summary>
    /// <param name="window">Last tokens whose queries vote.</param>
    int PublishedWindow(int window) => window;

    /// <summary>The authors' own search for the entries of all heads, by which <c>as-published</c> decides after the prompt; null: by the steps.</summary>
    PrefixSearch? PublishedSearch => null;

    /// <summary>What it must see of a layer beside what the scorer asks for.</summary>
    ScorerNeeds Needs => ScorerNeeds.None;

    /// <inheritdoc/>
    bool IShare.FollowsBudget => PublishedPrice is null;

    /// <summary>Offers the steps of each head, dearest first.</summary>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="scores">The layer's scores <c>[head, candidate]</c>.</param>
    /// <param name="bids">Where the steps go.</param>
    void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids);
}
