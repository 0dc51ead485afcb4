#compdef paack
# zsh runs this when paack is completed: what may come next, from paack itself.
compadd -- $(paack --complete -- ${words})
